// labels: unit
#include "core/files/json.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/files/read.h"
#include "tests/core/checkpoint/temp_dir.h"

namespace filigree::files {
namespace {

std::string message(const std::string& text, DuplicateKeys duplicates = DuplicateKeys::take_last) {
  try {
    parse_json(text, "x.json", duplicates);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

TEST(ParseJson, SaysWhereAndNotInTheLibrarysWords) {
  EXPECT_EQ(message("{\"a\": 1}"), "");
  EXPECT_EQ(message(""), "x.json: is empty");
  EXPECT_EQ(message(" \n"), "x.json: is empty");
  EXPECT_EQ(message("{\n  \"a\": NaN\n}"), "x.json:2: is not valid JSON (column 8, near 'NaN')");
  EXPECT_EQ(message("{\"a\": [1, 2"),
            "x.json:1: the JSON text ends in the middle of a value; the file may be cut short (column 12)");
  EXPECT_NE(message("{\"a\": 1} x").find("x.json:1: is not valid JSON (column 10"), std::string::npos);
  EXPECT_NE(message("{\"a\": \"\xff\"}").find("x.json:1: is not valid JSON"), std::string::npos);
  EXPECT_EQ(message("{\"a\": 1e999}"), "x.json: contains a number that is too large");
  for (const char* text : {"", "{", "[1,", "nul", "{\"a\" 1}", "\xff", "{\"a\":1e999}", "{\"a\":}", "\x01"})
    EXPECT_EQ(message(text).find("json.exception"), std::string::npos) << text;
}

TEST(ParseJson, DuplicateKeys) {
  const std::string text = "{\"a\": {\"b\": 1, \"b\": 2}, \"c\": {\"b\": 3}}";
  EXPECT_EQ(parse_json(text, "x.json")["a"]["b"], 2);
  EXPECT_EQ(message(text, DuplicateKeys::refuse), "x.json: contains the key 'b' twice in one object");
  EXPECT_EQ(message("{\"a\": {\"b\": 1}, \"c\": [{\"b\": 3}, {\"b\": 4}]}", DuplicateKeys::refuse), "");
}

TEST(TakeValues, NamesTheKey) {
  const auto json = parse_json("{\"a\": \"text\"}", "x.json");
  const auto taken = [&](const char* key) {
    try {
      take_values("x.json", [&] { return json.at(key).get<int>(); });
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(taken("b"), "x.json: the key 'b' is missing");
  EXPECT_EQ(taken("a"), "x.json: a value has the wrong type");
}

TEST(ReadFile, RefusesWhatIsNotARegularFileAtOnce) {
  const test::TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  for (const std::string& path : {dir / "fifo", std::string("/dev/zero"), dir.path(), dir / "absent"})
    EXPECT_THROW(read_file(path), DataError) << path;
  EXPECT_THROW(read_file_or_stream(dir / "fifo"), DataError);
}

}  // namespace
}  // namespace filigree::files
