// Malformed and unusual tokenizer files, and the parts of Tokenizer that need no reference.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/core/data/support.h"

namespace filigree::data {
namespace {

using nlohmann::json;
using testing::error_of;
using testing::TempDir;

json good_json() {
  return json::parse(R"({
    "added_tokens": [{"id": 4, "content": "[MASK]", "special": true, "normalized": false}],
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
    "truncation": {"max_length": 2, "strategy": "LongestFirst", "stride": 0}, "padding": null,
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
              "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": 5, "##a": 6, "b": 7}}})");
}

struct Fault {
  const char* name;
  std::string file, content, wanted;
};

class BadTokenizer : public ::testing::TestWithParam<Fault> {};

TEST_P(BadTokenizer, IsADataErrorNamingTheFile) {
  const TempDir dir;
  dir.write(GetParam().file, GetParam().content);
  const std::string message = error_of([&] { load_tokenizer(dir.path()); });
  EXPECT_TRUE(message.starts_with("3 " + dir.path())) << message;
  EXPECT_HAS(message, GetParam().wanted);
}

std::string changed(const char* pointer, const json& value) {
  json data = good_json();
  data[json::json_pointer(pointer)] = value;
  return data.dump();
}

std::vector<Fault> faults() {
  const std::string head = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
  const std::string json_file = "tokenizer.json";
  json no_pre = good_json();
  no_pre.erase("pre_tokenizer");
  return {
      {"no_unk", "vocab.txt", "[PAD]\n[CLS]\n[SEP]\na\n",
       "vocab.txt: the special token '[UNK]' is not in the vocabulary"},
      {"no_cls", "vocab.txt", "[PAD]\n[UNK]\n[SEP]\na\n", "the special token '[CLS]' is not in the vocabulary"},
      {"not_utf8", "vocab.txt", head + "a\n\xff\xffz\n", "vocab.txt:6: byte 1 of the line (0xff) is not UTF-8"},
      {"empty_vocab", "vocab.txt", "", "vocab.txt: the vocabulary is empty"},
      {"empty_json", json_file, "", "tokenizer.json: is empty"},
      {"cut_json", json_file, good_json().dump(1).substr(0, 300),
       "tokenizer.json:19: the JSON text ends in the middle"},
      {"list", json_file, "[]", "is not a JSON object"},
      {"no_model", json_file, "{}", "'model' is missing"},
      {"unigram", json_file, changed("/model/type", "Unigram"),
       "model of type Unigram is not supported; use WordPiece or BPE"},
      {"vocab_list", json_file, changed("/model/vocab", json::array()), "'vocab' is missing or not an object"},
      {"vocab_empty", json_file, changed("/model/vocab", json::object()), "the vocabulary is empty"},
      {"same_id", json_file, changed("/model/vocab/b", 5), "have the same id 5"},
      {"text_id", json_file, changed("/model/vocab/b", "x"), "id of token 'b' is not a number"},
      {"negative_id", json_file, changed("/model/vocab/b", -1), "id of token 'b' is not a number"},
      {"huge_id", json_file, changed("/model/vocab/b", 5000000000), "id of token 'b' is not a number"},
      {"lacks_unk", json_file, changed("/model/unk_token", "<unk>"),
       "the unknown token '<unk>' is not in the vocabulary"},
      {"duplicate_key", json_file, R"({"model": {"vocab": {"a": 1, "b": 2, "a": 3}}})",
       "contains the key 'a' twice in one object"},
      {"other_normalizer", json_file, changed("/normalizer/type", "NFKC"), "normalizer of type NFKC is not supported"},
      {"text_flag", json_file, changed("/normalizer/lowercase", "yes"), "'lowercase' is not true or false"},
      {"no_pre_tokenizer", json_file, no_pre.dump(), "'pre_tokenizer' is missing"},
      {"other_processor", json_file, changed("/post_processor/type", "ByteLevel"), "post_processor of type ByteLevel"},
      {"added_clash", json_file, changed("/added_tokens/0/id", 5),
       "added token '[MASK]' has id 5, but its id in the vocabulary is 4"},
      {"added_no_id", json_file, changed("/added_tokens/0", json::object()), "an entry of 'added_tokens' has no id"},
      {"invalid_utf8_json", json_file, "{\"model\": \"\xff\"}", "is not valid JSON"},
      {"neither", "config.json", "{}", "has neither tokenizer.json nor vocab.txt nor vocab.json"},
  };
}

INSTANTIATE_TEST_SUITE_P(Faults, BadTokenizer, ::testing::ValuesIn(faults()),
                         [](const auto& fault) { return std::string(fault.param.name); });

TEST(LoadTokenizer, ClassesWithOtherRulesAreRefused) {
  const TempDir dir;
  dir.write("vocab.txt", testing::kVocab);
  for (const char* name : {"BertJapaneseTokenizer", "MPNetTokenizerFast"}) {
    dir.write("tokenizer_config.json", fmt::format("{{\"tokenizer_class\": \"{}\"}}", name));
    EXPECT_HAS(error_of([&] { load_tokenizer(dir.path()); }), "tokenizer_config.json: tokenizer_class ");
    EXPECT_HAS(error_of([&] { load_tokenizer(dir.path()); }), "has rules of its own");
  }
  dir.write("tokenizer_config.json", "{\"tokenizer_class\": \"PreTrainedTokenizerFast\"}");
  EXPECT_HAS(error_of([&] { load_tokenizer(dir.path()); }), "reads tokenizer.json, and there is none");
}

TEST(LoadTokenizer, ConfigBesideVocabTxt) {
  const TempDir dir;
  dir.write("vocab.txt", std::string(testing::kVocab) + "A\n\xc3\xa9\n");
  dir.write("tokenizer_config.json",
            R"({"do_lower_case": false, "strip_accents": false, "tokenize_chinese_chars": true})");
  const auto tokenizer = load_tokenizer(dir.path());
  EXPECT_EQ(tokenizer->encode("A \xc3\xa9").ids, (std::vector<int32_t>{2, 23, 24, 3}));
  dir.write("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {"content": "q"}}})");
  EXPECT_HAS(error_of([&] { load_tokenizer(dir.path()); }), "'x' is not the id of a token");
  dir.write("tokenizer_config.json", R"({"added_tokens_decoder": {"25": {"content": "<e>", "special": true}}})");
  EXPECT_EQ(load_tokenizer(dir.path())->encode("a<e>").ids, (std::vector<int32_t>{2, 5, 25, 3}));
  EXPECT_EQ(load_tokenizer(dir.path())->vocab_size(), 26);
}

TEST(LoadTokenizer, JsonWinsAndItsTruncationIsIgnored) {
  const TempDir dir;
  dir.write("vocab.txt", "nothing\n");
  dir.write("tokenizer.json", good_json().dump());
  const auto tokenizer = load_tokenizer(dir.path());
  EXPECT_EQ(tokenizer->encode("aa b [MASK]").ids, (std::vector<int32_t>{2, 5, 6, 7, 4, 3}));
  EXPECT_EQ(tokenizer->special().mask, 4);
  EXPECT_EQ(tokenizer->special().pad, 0);
  EXPECT_EQ(std::ranges::count(tokenizer->special_ids(), 4), 1);
  EXPECT_EQ(std::ranges::count(tokenizer->special_ids(), 5), 0);
}

TEST(LoadTokenizer, TypesOfATemplateMayGoBack) {
  const TempDir dir;
  json data = good_json();
  const auto piece = [](const char* kind, const char* id, int type) {
    return json{{kind, {{"id", id}, {"type_id", type}}}};
  };
  data["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single", {piece("SpecialToken", "[CLS]", 3), piece("Sequence", "A", 0)}},
      {"pair", {piece("Sequence", "A", 1), piece("SpecialToken", "[SEP]", 2), piece("Sequence", "B", 0)}},
      {"special_tokens", {{"[CLS]", {{"ids", {2}}}}, {"[SEP]", {{"ids", {3, 3}}}}}}};
  dir.write("tokenizer.json", data.dump());
  EXPECT_EQ(load_tokenizer(dir.path())->encode("a").type_ids, (std::vector<int32_t>{3, 0}));
  EXPECT_EQ(load_tokenizer(dir.path())->encode(TextPair{"a b", "b"}).type_ids, (std::vector<int32_t>{1, 1, 2, 2, 0}));
  data["post_processor"]["pair"][0] = piece("Sequence", "A", 256);
  dir.write("tokenizer.json", data.dump());
  EXPECT_HAS(error_of([&] { load_tokenizer(dir.path()); }), "type_id is not a number from 0 to 255");
}

TEST(LoadTokenizer, TruncationAtTheLeft) {
  const TempDir dir;
  dir.write("vocab.txt", testing::kVocab);
  dir.write("tokenizer_config.json", R"({"truncation_side": "left"})");
  const auto tokenizer = load_tokenizer(dir.path());
  EXPECT_EQ(tokenizer->encode("a b c d", 4).ids, (std::vector<int32_t>{2, 7, 8, 3}));
  EXPECT_EQ(tokenizer->encode(TextPair{"a b c d", "e f"}, 7).ids, (std::vector<int32_t>{2, 7, 8, 3, 9, 10, 3}));
}

TEST(LoadTokenizer, InvalidBytesAreDroppedByTheCleanUp) {
  const auto tokenizer = testing::tiny_tokenizer();
  EXPECT_EQ(tokenizer->encode("a\xff b").ids, tokenizer->encode("a b").ids);
}

TEST(LoadTokenizer, DecodingGluesPieces) {
  const auto tokenizer = testing::tiny_tokenizer();
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("good a, bad.").ids, true), "good a, bad.");
  EXPECT_EQ(tokenizer->decode(std::vector<int32_t>{13, 14, 5, 15, 99, -3}, false), "##ab ac");
}

TEST(Truncation, LengthLessThanSpecialTokensIsAUsageError) {
  const auto tokenizer = testing::tiny_tokenizer();
  EXPECT_EQ(tokenizer->encode("a", 2).ids, (std::vector<int32_t>{2, 3}));
  EXPECT_HAS(error_of([&] { tokenizer->encode("a", 1); }),
             "2 max_length 1 is less than the 2 special tokens of a text");
  EXPECT_HAS(error_of([&] { tokenizer->encode(TextPair{"a", "b"}, 2); }), "3 special tokens of a pair");
}

}  // namespace
}  // namespace filigree::data
