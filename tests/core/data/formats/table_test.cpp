#include "core/data/formats/table.h"

#include "core/data/format.h"
#include "tests/core/data/support.h"

namespace filigree::data {
namespace {

using testing::error_of;
using testing::TempDir;
using Fields = std::vector<std::string>;

class TableTest : public ::testing::Test {
 protected:
  Table read(const std::string& content, const std::string& format, Fields columns, bool header = true,
             bool skip = false) {
    return formats_.find(format)->read(dir_.write("data.x", content), {header, std::move(columns), skip});
  }
  std::string error(const std::string& content, const std::string& format, Fields columns, bool header = true) {
    return error_of([&] { read(content, format, std::move(columns), header); });
  }
  TempDir dir_;
  const FormatRegistry formats_ = builtin_formats();
};

TEST_F(TableTest, TsvKeepsQuotesAndReadsBomAndCrlf) {
  const Table table =
      read("\xef\xbb\xbfid\ttext\tlabel\r\n1\t\"open quote\t0\r\n\r\n2\ta \"b\" c\t1", "tsv", {"text", "label"});
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0].fields, (Fields{"\"open quote", "0"}));
  EXPECT_EQ(table.rows[0].line, 2);
  EXPECT_EQ(table.rows[1].fields, (Fields{"a \"b\" c", "1"}));
  EXPECT_EQ(table.rows[1].line, 4);
}

TEST_F(TableTest, ColumnsByNumberCountFromBothEnds) {
  const Table table = read("a\tb\tc\nd\te\tf\tg\n", "tsv", {"0", "-1", "1"}, false);
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0].fields, (Fields{"a", "c", "b"}));
  EXPECT_EQ(table.rows[1].fields, (Fields{"d", "g", "e"}));
}

TEST_F(TableTest, ANameWinsOverANumber) {
  const Table table = read("1\t0\nx\ty\n", "tsv", {"0", "1"});
  EXPECT_EQ(table.rows.at(0).fields, (Fields{"y", "x"}));
}

TEST_F(TableTest, EmptyFieldsAreFields) {
  EXPECT_EQ(read("\t\t\n", "tsv", {"0", "2"}, false).rows.at(0).fields, (Fields{"", ""}));
  EXPECT_EQ(read(",,\n", "csv", {"0", "2"}, false).rows.at(0).fields, (Fields{"", ""}));
}

TEST_F(TableTest, ShortRowNamesFileAndLine) {
  const std::string message = error("text\tlabel\nok\t1\nshort\n", "tsv", {"text", "label"});
  EXPECT_HAS(message, "3 " + dir_.path() + "/data.x:3: has 1 column; column label is missing");
}

// The advice to skip rows would leave none.
TEST_F(TableTest, AFaultOfAllRowsIsNotOneOfABadRow) {
  const auto column_of = [&](const std::string& content, const std::string& format, Fields columns, bool skip) {
    try {
      read(content, format, std::move(columns), false, skip);
    } catch (const ColumnError& error) {
      EXPECT_EQ(std::string(error.what()).find("skip"), std::string::npos) << error.what();
      return error.column();
    }
    return std::string();
  };
  for (const bool skip : {false, true}) {
    EXPECT_EQ(column_of("a\tb\nc\td\n", "tsv", {"0", "7"}, skip), "7");
    EXPECT_EQ(column_of("{\"u\": 1, \"v\": 2}\n{\"u\": 3}\n", "jsonl", {"t"}, skip), "t");
  }
  EXPECT_HAS(error("{\"u\": 1, \"v\": 2}\n", "jsonl", {"t"}), "data.x:1: has no key 't'; its keys are: u, v");
  EXPECT_HAS(error("a\nb\tc\nd\n", "tsv", {"1"}, false),
             "data.x:1: has 1 column; column 1 is missing (set data.bad_rows: skip to skip such rows)");
  EXPECT_HAS(error("{\"u\": 1}\n{\"t\": 2}\n", "jsonl", {"t"}), "(set data.bad_rows: skip to skip such rows)");
  EXPECT_HAS(error("{}\n{}\n{}\n", "messages", {}),
             "data.x:1: has no key 'messages'; all 3 rows are bad, so check data.format");
  EXPECT_EQ(error("plain\n", "e2e", {}).find("skip"), std::string::npos);
}

TEST_F(TableTest, BadRowsAreSkippedAndCounted) {
  const std::string rows(
      "text\tlabel\nok\t1\nn\0l\t1\nshort\nb\xff"
      "d\t0\n",
      33);
  const Table table = read(rows, "tsv", {"label"}, true, true);
  ASSERT_EQ(table.rows.size(), 1u);
  EXPECT_EQ(table.rows[0].fields, Fields{"1"});
  EXPECT_EQ(table.skipped, 3);
  EXPECT_HAS(table.first_bad, "data.x:3: byte 2 of the line is NUL");
}

TEST_F(TableTest, UnknownAndAmbiguousColumns) {
  EXPECT_HAS(error("a\tb\n1\t2\n", "tsv", {"c"}),
             "2 " + dir_.path() + "/data.x:1: has no column 'c'; its columns are: a, b");
  EXPECT_HAS(error("a\ta\n1\t2\n", "tsv", {"a"}), "2 columns are named 'a'");
  EXPECT_HAS(error("1\t2\n", "tsv", {"text"}, false), "must be given by its number");
}

TEST_F(TableTest, EncodingFaults) {
  EXPECT_HAS(error("text\nfine\nb\xc3(d\n", "tsv", {"text"}), "data.x:3: byte 2 of the line (0xc3) is not UTF-8");
  EXPECT_HAS(error(std::string("text\nx\0y\n", 9), "tsv", {"text"}), "data.x:2: byte 2 of the line is NUL");
  EXPECT_HAS(error(std::string("\xff\xfet\0", 4), "tsv", {"text"}), "is UTF-16");
  EXPECT_HAS(error("t\xffxt\nx\n", "tsv", {"0"}), "data.x:1: byte 2");
}

TEST_F(TableTest, FilesThatAreNone) {
  EXPECT_HAS(error("", "tsv", {"0"}), "is empty");
  const auto tsv = formats_.find("tsv");
  const std::string missing = dir_.path() + "/missing/x.tsv";
  EXPECT_HAS(error_of([&] { tsv->read(missing, {}); }), "3 " + missing + ": there is no such file");
  EXPECT_HAS(error_of([&] { tsv->read(dir_.path(), {}); }), "is a directory; a file is expected");
  EXPECT_HAS(error_of([&] { formats_.find("xml"); }), "2 unknown format 'xml'");
}

TEST_F(TableTest, CsvQuoting) {
  const Table table = read("text,label\n\"a, b\",1\n\"say \"\"hi\"\"\",0\n\"two\r\nlines\",1\r\n plain , x\n\"\",\n",
                           "csv", {"text", "label"});
  ASSERT_EQ(table.rows.size(), 5u);
  EXPECT_EQ(table.rows[0].fields, (Fields{"a, b", "1"}));
  EXPECT_EQ(table.rows[1].fields, (Fields{"say \"hi\"", "0"}));
  EXPECT_EQ(table.rows[2].fields, (Fields{"two\r\nlines", "1"}));
  EXPECT_EQ(table.rows[2].line, 4);
  EXPECT_EQ(table.rows[3].fields, (Fields{" plain ", " x"}));
  EXPECT_EQ(table.rows[3].line, 6);
  EXPECT_EQ(table.rows[4].fields, (Fields{"", ""}));
}

TEST_F(TableTest, CsvFaults) {
  EXPECT_HAS(error("text,label\nx,1\n\"never closed,1\ny,0\n", "csv", {"text"}),
             "data.x:3: a quote that opens here is never closed");
  EXPECT_HAS(error("text,label\n\"a\"b,1\n", "csv", {"text"}), "data.x:2: text follows the closing quote");
  const Table table = read("text,label\n\"a\"b,1\n\"c\",0\n", "csv", {"text"}, true, true);
  EXPECT_EQ(table.skipped, 1);
  EXPECT_EQ(table.rows.at(0).fields, Fields{"c"});
}

TEST_F(TableTest, JsonLines) {
  const Table table =
      read("{\"t\": \"a\\u00e9\\n\", \"y\": 1}\n\n{\"y\": 2.5, \"t\": \"b\", \"z\": null}\n{\"t\":\"\",\"y\":true}\n",
           "jsonl", {"t", "y"});
  ASSERT_EQ(table.rows.size(), 3u);
  EXPECT_EQ(table.rows[0].fields, (Fields{"a\xc3\xa9\n", "1"}));
  EXPECT_EQ(table.rows[1].fields, (Fields{"b", "2.5"}));
  EXPECT_EQ(table.rows[1].line, 3);
  EXPECT_EQ(table.rows[2].fields, (Fields{"", "true"}));
}

TEST_F(TableTest, BlankLinesAreNoRows) {
  const Table jsonl = read("{\"t\": 1}\n  \t \n{\"t\": 2}\n \r\n", "jsonl", {"t"});
  ASSERT_EQ(jsonl.rows.size(), 2u);
  EXPECT_EQ(jsonl.rows[1].line, 3);
  const Table csv = read("t,y\n \t\na,1\n\n  \n b,2\n ", "csv", {"t", "y"});
  ASSERT_EQ(csv.rows.size(), 2u);
  EXPECT_EQ(csv.rows[1].fields, (Fields{" b", "2"}));
  EXPECT_EQ(csv.rows[1].line, 6);
  EXPECT_EQ(read("t\ty\n  \na\t1\n", "tsv", {"t", "y"}).rows.at(0).line, 3);
}

TEST_F(TableTest, AFieldTooManyIsABadRow) {
  EXPECT_HAS(error("t,y\nfine,1\nyes, indeed,0\n", "csv", {"t", "y"}),
             "3 " + dir_.path() + "/data.x:3: has 3 columns, but the header has 2; quote a field that holds");
  EXPECT_HAS(error("t\ty\na\tb\t0\n", "tsv", {"t", "y"}), "data.x:2: has 3 columns, but the header has 2");
  EXPECT_EQ(read("t,y\na,1,,\n", "csv", {"t", "y"}).rows.at(0).fields, (Fields{"a", "1"}));
  EXPECT_EQ(read("t\ty\na\tb\t0\n", "tsv", {"0", "-1"}).rows.at(0).fields, (Fields{"a", "0"}));
}

TEST_F(TableTest, AMissingLabelColumnNamesPredict) {
  TableOptions options{true, {"sentence", "label"}};
  options.label = "label";
  const std::string file = dir_.write("test.tsv", "index\tsentence\n0\ta\n");
  const std::string message = error_of([&] { formats_.find("tsv")->read(file, options); });
  EXPECT_HAS(message,
             "has no column 'label'; its columns are: index, sentence. Without labels nothing can be scored; "
             "`filigree predict` labels texts");
  EXPECT_HAS(
      error_of([&] { formats_.find("jsonl")->read(dir_.write("test.jsonl", "{\"sentence\": \"a\"}\n"), options); }),
      "has no key 'label'; its keys are: sentence. Without labels nothing can be scored; `filigree predict`");
}

TEST_F(TableTest, JsonFaults) {
  EXPECT_HAS(error("{\"t\": 1}\n{\"t\": \n", "jsonl", {"t"}), "data.x:2: is not valid JSON");
  EXPECT_HAS(error("[1]\n", "jsonl", {"t"}), "data.x:1: is not a JSON object");
  EXPECT_HAS(error("{\"u\": 1}\n", "jsonl", {"t"}), "data.x:1: has no key 't'");
  EXPECT_HAS(error("{\"t\": [1]}\n", "jsonl", {"t"}), "'t' is neither text nor a number");
  EXPECT_HAS(error(std::string(200000, '['), "jsonl", {"t"}), "is not valid JSON");
}

// For each format of JSON lines, a good line with an object that a fault can be put into.
constexpr std::pair<const char*, const char*> kJsonLines[] = {
    {"jsonl", R"({"t": "a", "other": {"x": "1"}})"},
    {"prompt_completion", R"({"prompt": "a", "completion": "b", "other": {"x": "1"}})"},
    {"messages", R"({"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}],
                     "other": {"x": "1"}})"}};

std::string one_line(std::string text) {
  std::erase(text, '\n');
  return text + "\n";
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST_F(TableTest, AKeyTwiceInAnObjectIsABadRow) {
  for (const auto& [format, good] : kJsonLines) {
    const std::string line = one_line(good), nested = with(line, R"("x": "1")", R"("x": "1", "\u0078": "2")"),
                      outer = with(line, R"("other")", R"("": 1, "": 2, "other")");
    EXPECT_EQ(read(line + line, format, {"t"}).rows.size(), 2u);
    EXPECT_HAS(error(line + nested, format, {"t"}),
               "data.x:2: contains the key 'x' twice in one object (set data.bad_");
    EXPECT_HAS(error(line + outer, format, {"t"}), "data.x:2: contains the key '' twice in one object");
    const Table kept = read(nested + line + outer, format, {"t"}, true, true);
    EXPECT_EQ(kept.rows.size(), 1u);
    EXPECT_EQ(kept.skipped, 2);
    EXPECT_HAS(kept.first_bad, "data.x:1: contains the key 'x' twice");
  }
}

TEST_F(TableTest, HalfOfASurrogatePairIsABadRow) {
  for (const auto& [format, good] : kJsonLines) {
    const std::string line = one_line(good);
    for (const char* half : {R"("\ud800")", R"("\udfff a")", R"("\ud83d\ud83d")", R"("\udc00\ud800")"}) {
      const std::string bad = with(line, "\"a\"", half);
      EXPECT_HAS(error(line + bad, format, {"t"}), "data.x:2: has half of a surrogate pair (\\ud800 to \\udfff)");
      EXPECT_EQ(read(bad + line, format, {"t"}, true, true).skipped, 1);
    }
    EXPECT_EQ(read(with(line, "\"a\"", R"("\ud83d\ude00")"), format, {"t"}).rows.size(), 1u);
  }
}

TEST_F(TableTest, ContextsAndReferences) {
  const Table e2e = read("name : A | food : B||A serves B || well .  \n\nx||y\n", "e2e", {});
  ASSERT_EQ(e2e.rows.size(), 2u);
  EXPECT_EQ(e2e.rows[0].fields, (Fields{"name : A | food : B", "A serves B || well ."}));
  EXPECT_EQ(e2e.rows[1].line, 3);
  EXPECT_HAS(error("a||b\nplain\n", "e2e", {}), "data.x:2: has no '||' between meaning and reference: plain");

  const std::string triples =
      R"([{"subject": "A", "property": "cityOf", "object": "B"}, {"subject": "A", "property": "p", "object": "1"}])";
  const Table webnlg =
      read(R"({"entries": [{"1": {"modifiedtripleset": )" + triples +
               R"(, "lexicalisations": [{"lex": "one", "comment": "good"}, {"lex": "two", "comment": ""},
                                                         {"lex": "three", "comment": "good"}]}}]})",
           "webnlg", {});
  ASSERT_EQ(webnlg.rows.size(), 2u) << "one text is not marked good";
  EXPECT_EQ(webnlg.rows[1].fields, (Fields{"A : cityOf : B | A : p : 1", "three"}));

  const Table dart = read(R"([{"tripleset": [["A", "CITY", "b"]], "annotations": [{"text": "x"}]},
                              {"tripleset": [["C", "D", "e"]], "annotations": [{"text": "y"}, {"text": "z"}]}])",
                          "dart", {});
  ASSERT_EQ(dart.rows.size(), 3u);
  EXPECT_EQ(dart.rows[0].fields, (Fields{"A : city : b", "x"}));
  EXPECT_EQ(dart.rows[2].fields, (Fields{"C : d : e", "z"}));
  EXPECT_EQ(dart.rows[2].line, 2);
}

TEST_F(TableTest, TripleFaults) {
  EXPECT_HAS(error("{", "webnlg", {}), "data.x:1: the JSON text ends in the middle of a value");
  EXPECT_HAS(error("[\n  {\"tripleset\": oops}\n]", "dart", {}), "data.x:2: is not valid JSON (column 17, near");
  EXPECT_HAS(error("[]", "webnlg", {}), "data.x: is not a WebNLG file: it has no list 'entries'");
  EXPECT_HAS(error("{}", "dart", {}), "data.x: is not a DART file: it is not a list");
  EXPECT_HAS(error(R"({"entries": [3]})", "webnlg", {}),
             "data.x:1: entry 1 does not have the layout of WebNLG: it is not an object with its number as the key");
  EXPECT_HAS(error(R"({"entries": [{}]})", "webnlg", {}), "it is not an object with its number as the key");
  EXPECT_HAS(error(R"({"entries": [{"1": {"lexicalisations": []}}]})", "webnlg", {}),
             "layout of WebNLG: the key 'modifiedtripleset' is missing");
  EXPECT_HAS(error(R"([{"tripleset": [[1, 2, 3]], "annotations": []}])", "dart", {}),
             "entry 1 does not have the layout of DART: a value has the wrong type");
  EXPECT_HAS(error(R"([{"tripleset": [["a", "b"]], "annotations": []}])", "dart", {}),
             "entry 1 does not have the layout");
  EXPECT_HAS(error(R"([{"tripleset": [], "annotations": []}])", "dart", {}), "it has no triples");
  const Table some = read(R"([{"tripleset": []}, {"tripleset": [["a", "b", "c"]], "annotations": [{"text": "t"}]}])",
                          "dart", {}, true, true);
  EXPECT_EQ(some.skipped, 1);
  EXPECT_EQ(some.rows.size(), 1u);
}

TEST_F(TableTest, TextLinesAndHugeFields) {
  const std::string huge(5 << 20, 'x');
  const Table table = read("one\ttab\n\n" + huge + "\nlast", "text", {});
  ASSERT_EQ(table.rows.size(), 3u);
  EXPECT_EQ(table.rows[0].fields, Fields{"one\ttab"});
  EXPECT_EQ(table.rows[1].fields[0].size(), huge.size());
  EXPECT_EQ(table.rows[2].line, 4);
}

TEST_F(TableTest, AKeyTwiceInAnEntryOfTriples) {
  const std::string good = R"({"tripleset": [["A", "p", "b"]], "annotations": [{"text": "x"}]})",
                    bad = R"({"tripleset": [["A", "p", "b"]], "annotations": [{"text": "x", "text": "y"}]})";
  const std::string dart = "[" + good + ", " + bad + ", " + good + "]";
  EXPECT_HAS(error(dart, "dart", {}),
             "data.x:2: entry 2 does not have the layout of DART: contains the key 'text' twice in one object");
  const Table kept = read(dart, "dart", {}, true, true);
  EXPECT_EQ(kept.rows.size(), 2u);
  EXPECT_EQ(kept.skipped, 1);
  const std::string entry = R"({"1": {"modifiedtripleset": [{"subject": "A", "property": "p", "object": "B"}],
                                     "lexicalisations": [{"lex": "one", "comment": "good"}]}})";
  const auto file = [&](const std::string& more) { return R"({"meta": [{}, 3], "entries": [)" + entry + more + "]}"; };
  EXPECT_EQ(read(file(", " + entry), "webnlg", {}).rows.size(), 2u);
  EXPECT_HAS(error(file(", 7, " + with(entry, R"("lex": "one")", R"("lex": "one", "lex": "two")")), "webnlg", {}),
             "data.x:2: entry 2 does not have the layout of WebNLG: it is not an object");
  EXPECT_EQ(
      read(file(", 7, " + with(entry, R"("lex": "one")", R"("lex": "one", "lex": "two")")), "webnlg", {}, true, true)
          .skipped,
      2);
  EXPECT_HAS(error(R"({"entries": [], "entries": []})", "webnlg", {}),
             "data.x: contains the key 'entries' twice in one object");
  EXPECT_HAS(error(with(dart, "\"A\"", R"("\ud800")"), "dart", {}), "data.x:1: has half of a surrogate pair");
}

TEST_F(TableTest, PromptsAndCompletions) {
  const Table table = read("{\"prompt\": \"a\", \"completion\": \" b\", \"id\": 3}\n\n", "prompt_completion", {});
  ASSERT_EQ(table.rows.size(), 1u);
  EXPECT_EQ(table.rows[0].fields, (Fields{"a", " b"}));
  EXPECT_HAS(error("{\"prompt\": \"a\"}\n", "prompt_completion", {}), "data.x:1: has no key 'completion'");
  EXPECT_HAS(error("{\"prompt\": [1], \"completion\": \"b\"}\n", "prompt_completion", {}), "'prompt' is not text");
}

TEST_F(TableTest, Conversations) {
  const std::string user = R"({"role": "user", "content": "hi"})",
                    answer = R"({"content": "yes", "role": "assistant"})";
  const auto line = [](const std::string& turns) { return "{\"messages\": [" + turns + "]}\n"; };
  const Table table = read(line(user + "," + answer) + "\n" + line(answer), "messages", {});
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0].fields, (Fields{"user", "hi", "assistant", "yes"}));
  EXPECT_EQ(table.rows[1].line, 3);
  EXPECT_HAS(error("{}\n", "messages", {}), "data.x:1: has no key 'messages'");
  EXPECT_HAS(error("{\"messages\": 3}\n", "messages", {}), "'messages' is not a list");
  EXPECT_HAS(error(line("3"), "messages", {}), "message 1 is not an object");
  EXPECT_HAS(error(line(user + R"(,{"role": "tool", "content": "x"})"), "messages", {}),
             "message 2 has the role 'tool'; use system, user or assistant");
  EXPECT_HAS(error(line(R"({"role": "user"})"), "messages", {}), "message 1 has no key 'content'");
  EXPECT_HAS(error(line(R"({"role": "user", "content": null})"), "messages", {}), "'content' of message 1 is not text");
  EXPECT_HAS(error(line(user), "messages", {}), "has no message of the assistant");
  EXPECT_EQ(read(line(user) + line(answer), "messages", {}, true, true).skipped, 1);
}

}  // namespace
}  // namespace filigree::data
