// Malformed and unusual files of byte-level BPE, in both layouts, and the parts of it that need no reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "core/tokenizer/bpe_merges.h"
#include "tests/core/data/support.h"

namespace filigree::data {
namespace {

using nlohmann::json;
using testing::error_of;
using testing::TempDir;
using Ids = std::vector<int32_t>;

constexpr const char* kMerges = "#version: 0.2\na b\nc d\nab cd\n\xc4\xa0 a\n";

json small_vocab() {
  return {{"a", 0}, {"b", 1}, {"c", 2}, {"d", 3}, {"ab", 4}, {"cd", 5}, {"abcd", 6}, {"\u0120", 7}, {"\u0120a", 8}};
}

json good_json() {
  return {{"added_tokens", {{{"id", 9}, {"content", "<|endoftext|>"}, {"special", true}, {"normalized", false}}}},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}}},
          {"post_processor", nullptr},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"vocab", small_vocab()},
            {"merges", {"a b", "c d", json::array({"ab", "cd"}), "\u0120 a"}}}}};
}

using Files = std::vector<std::pair<std::string, std::string>>;

/// The two-file layout, with other contents for some files; an empty content leaves the file out.
Files two_files(const Files& other = {}) {
  json vocab = small_vocab();
  vocab["<|endoftext|>"] = 9;
  Files files = {{"vocab.json", vocab.dump()}, {"merges.txt", kMerges}, {"config.json", R"({"model_type": "gpt2"})"}};
  for (const auto& [name, content] : other) {
    std::erase_if(files, [&name = name](const auto& file) { return file.first == name; });
    files.emplace_back(name, content);
  }
  return files;
}

std::unique_ptr<Tokenizer> load(const Files& files) {
  const TempDir dir;
  for (const auto& [name, content] : files)
    if (!content.empty()) dir.write(name, content);
  return load_tokenizer(dir.path());
}

struct Fault {
  const char* name;
  Files files;
  std::string wanted;
};

class BadBpe : public ::testing::TestWithParam<Fault> {};

TEST_P(BadBpe, IsADataErrorNamingTheFile) {
  const std::string message = error_of([] { load(GetParam().files); });
  EXPECT_TRUE(message.starts_with("3 /")) << message;
  EXPECT_HAS(message, GetParam().wanted);
}

Fault in_json(const char* name, const char* pointer, const json& value, const std::string& wanted) {
  json data = good_json();
  data[json::json_pointer(pointer)] = value;
  return {name, {{"tokenizer.json", data.dump()}}, "tokenizer.json: " + wanted};
}

std::vector<Fault> json_faults() {
  return {
      {"cut",
       {{"tokenizer.json", good_json().dump().substr(0, 300)}},
       "tokenizer.json:1: the JSON text ends in the middle"},
      in_json("unigram", "/model/type", "Unigram", "model of type Unigram is not supported; use WordPiece or BPE"),
      in_json("no_vocab", "/model/vocab", nullptr, "'vocab' is missing or not an object"),
      in_json("empty_vocab", "/model/vocab", json::object(), "the vocabulary is empty"),
      in_json("same_id", "/model/vocab/b", 0, "tokens 'a' and 'b' have the same id 0"),
      in_json("no_merges", "/model/merges", nullptr, "'merges' is missing or not a list"),
      in_json("three_words", "/model/merges/1", "a b c",
              "model.merges[1]: 'a b c' is not two tokens separated by one space"),
      in_json("three_items", "/model/merges/1", {"a", "b", "c"}, R"(model.merges[1]: is neither "a b" nor ["a", "b"])"),
      in_json("unknown_left", "/model/merges/0", "x b", "model.merges[0]: token 'x' is not in the vocabulary"),
      in_json("unknown_result", "/model/merges/2", {"b", "a"}, "model.merges[2]: token 'ba' is not in the vocabulary"),
      in_json("dropout", "/model/dropout", 0.1, "model.dropout is not supported; only null is"),
      in_json("prefix", "/model/continuing_subword_prefix", "##",
              "model.continuing_subword_prefix is not supported; only null is"),
      in_json("suffix", "/model/end_of_word_suffix", "</w>", "model.end_of_word_suffix is not supported; only null is"),
      in_json("byte_fallback", "/model/byte_fallback", true, "model.byte_fallback: true is not supported"),
      in_json("fuse_text", "/model/fuse_unk", "yes", "'fuse_unk' is not true or false"),
      in_json("no_unk", "/model/unk_token", "<unk>", "the unknown token '<unk>' is not in the vocabulary"),
      in_json("normalizer", "/normalizer", {{"type", "NFC"}},
              "normalizer of type NFC is not supported for BPE; only null is"),
      in_json("no_pre_tokenizer", "/pre_tokenizer", nullptr, "'pre_tokenizer' is missing; ByteLevel is required"),
      in_json("other_pre_tokenizer", "/pre_tokenizer/type", "Metaspace",
              "pre_tokenizer of type Metaspace is not supported; use ByteLevel"),
      in_json("no_prefix_space", "/pre_tokenizer/add_prefix_space", nullptr,
              "pre_tokenizer.add_prefix_space is missing"),
      in_json("processor", "/post_processor", {{"type", "Other"}}, "post_processor of type Other is not supported"),
      in_json("processor_ids", "/post_processor", {{"type", "RobertaProcessing"}, {"cls", "<s>"}},
              "post_processor.cls is not [token, id]"),
      in_json("two_templates", "/post_processor",
              {{"type", "Sequence"},
               {"processors",
                json::array({{{"type", "RobertaProcessing"}, {"cls", {"a", 0}}, {"sep", {"b", 1}}},
                             {{"type", "TemplateProcessing"}, {"single", json::array()}, {"pair", json::array()}}})}},
              "post_processor.processors: at most one may add tokens"),
      in_json("added_clash", "/added_tokens/0/content", "a",
              "added token 'a' has id 9, but its id in the vocabulary is 0"),
  };
}

std::vector<Fault> file_faults() {
  const std::string merges = "#version: 0.2\na b\n";
  return {
      {"files_no_merges", two_files({{"merges.txt", ""}}), "merges.txt: there is no such file"},
      {"files_cut_vocab", two_files({{"vocab.json", R"({"a": 0, "b")"}}),
       "vocab.json:1: the JSON text ends in the middle of a value"},
      {"files_list_vocab", two_files({{"vocab.json", "[]"}}), "vocab.json: is not a JSON object"},
      {"files_empty_vocab", two_files({{"vocab.json", "{}"}}), "vocab.json: the vocabulary is empty"},
      {"files_same_id", two_files({{"vocab.json", R"({"a": 0, "b": 0})"}}), "tokens 'a' and 'b' have the same id 0"},
      {"files_same_token", two_files({{"vocab.json", R"({"a": 0, "a": 1})"}}),
       "contains the key 'a' twice in one object"},
      {"files_three_words", two_files({{"merges.txt", merges + "a b c\n"}}),
       "merges.txt:3: 'a b c' is not two tokens separated by one space"},
      {"files_blank_line", two_files({{"merges.txt", merges + "\nc d\n"}}), "merges.txt:3: '' is not two tokens"},
      {"files_unknown_token", two_files({{"merges.txt", merges + "c x\n"}}),
       "merges.txt:3: token 'x' is not in the vocabulary"},
      {"files_not_utf8", two_files({{"merges.txt", merges + "a \xff\n"}}),
       "merges.txt:3: byte 3 of the line (0xff) is not UTF-8"},
      {"files_no_type", two_files({{"config.json", ""}}), "config.json: model_type gpt2 or roberta is required"},
      {"files_other_type", two_files({{"config.json", R"({"model_type": "bert"})"}}),
       "config.json: vocab.json of model_type 'bert' is not supported; only gpt2 and roberta are"},
      {"files_truncation", two_files({{"tokenizer_config.json", R"({"truncation_side": "up"})"}}),
       "tokenizer_config.json: truncation_side: unknown side 'up': use left or right"},
      {"files_odd_role", two_files({{"tokenizer_config.json", R"({"pad_token": 3})"}}),
       "tokenizer_config.json: 'pad_token' is neither a token nor an object with its content"},
      {"files_extra", two_files({{"special_tokens_map.json", R"({"additional_special_tokens": "<e>"})"}}),
       "special_tokens_map.json: 'additional_special_tokens' is not a list of tokens"},
      {"files_added_clash", two_files({{"added_tokens.json", R"({"ab": 12})"}}),
       "added token 'ab' has id 12, but its id in the vocabulary is 4"},
      {"files_added_gap", two_files({{"added_tokens.json", R"({"<e>": 12})"}}),
       "added token '<e>' has id 12, but the next id after the vocabulary is 10"},
      {"files_no_room", two_files({{"vocab.json", R"({"a": 0, "b": 3, "ab": 2})"}, {"merges.txt", merges}}),
       "token '<|endoftext|>' is not in the vocabulary, and no id is free for it"},
      {"files_no_cls",
       two_files(
           {{"config.json", R"({"model_type": "roberta"})"}, {"tokenizer_config.json", R"({"cls_token": null})"}}),
       "RoBERTa needs a cls_token, which the files set to null"},
  };
}

INSTANTIATE_TEST_SUITE_P(Json, BadBpe, ::testing::ValuesIn(json_faults()),
                         [](const auto& fault) { return std::string(fault.param.name); });
INSTANTIATE_TEST_SUITE_P(Files, BadBpe, ::testing::ValuesIn(file_faults()),
                         [](const auto& fault) { return std::string(fault.param.name); });

TEST(LoadBpe, BothLayoutsGiveGpt2sTokens) {
  json untyped = good_json();
  untyped["model"].erase("type");
  for (const Files& files :
       {Files{{"tokenizer.json", good_json().dump()}}, Files{{"tokenizer.json", untyped.dump()}}, two_files()}) {
    const auto tokenizer = load(files);
    EXPECT_EQ(tokenizer->encode("abcd a<|endoftext|>ab").ids, (Ids{6, 8, 9, 4}));
    const Encoding pair = tokenizer->encode(TextPair{"ab", "cd"});
    EXPECT_EQ(pair.ids, (Ids{4, 5}));
    EXPECT_EQ(pair.type_ids, files.size() == 1 ? (Ids{0, 1}) : (Ids{0, 0}));  // GPT2Tokenizer gives no types
    EXPECT_EQ(tokenizer->vocab_size(), 10);
    const SpecialIds& special = tokenizer->special();
    EXPECT_EQ((Ids{special.bos, special.eos, special.unk, special.cls, special.sep, special.pad, special.mask}),
              (Ids{9, 9, 9, -1, -1, -1, -1}));
    EXPECT_EQ(tokenizer->special_ids(), Ids{9});
    EXPECT_EQ(tokenizer->decode(Ids{6, 8, 9, 4, 77, -1}, true), "abcd aab");
    EXPECT_EQ(tokenizer->decode(Ids{6, 8, 9}, false), "abcd a<|endoftext|>");
  }
}

TEST(LoadBpe, RobertaHasItsTemplateAndNames) {
  json vocab = small_vocab();
  for (const char* name : {"<s>", "<pad>", "</s>", "<unk>", "<mask>"}) vocab[name] = vocab.size();
  const std::string map = R"({"mask_token": {"content": "<mask>", "lstrip": true}})";
  const auto tokenizer = load({{"vocab.json", vocab.dump()},
                               {"merges.txt", kMerges},
                               {"tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer"})"},
                               {"special_tokens_map.json", map}});
  const Encoding pair = tokenizer->encode(TextPair{"ab <mask>", "cd"});
  EXPECT_EQ(pair.ids, (Ids{9, 4, 13, 11, 11, 5, 11}));
  EXPECT_EQ(pair.type_ids, Ids(7));
  const SpecialIds& special = tokenizer->special();
  EXPECT_EQ((Ids{special.bos, special.eos, special.cls, special.sep, special.pad, special.unk, special.mask}),
            (Ids{9, 11, 9, 11, 10, 12, 13}));
}

TEST(LoadBpe, InvalidBytesReadAsTheReplacementCharacter) {
  json data = good_json();
  for (const char* name : {"\u00ef", "\u00bf", "\u00bd"})
    data["model"]["vocab"][name] = data["model"]["vocab"].size() + 1;
  const auto tokenizer = load({{"tokenizer.json", data.dump()}});
  EXPECT_EQ(tokenizer->encode("a\xff").ids, (Ids{0, 10, 11, 12}));
  EXPECT_EQ(tokenizer->encode("a\xff").ids, tokenizer->encode("a\xef\xbf\xbd").ids);
  EXPECT_EQ(tokenizer->decode(Ids{0, 10, 11, 0}, false),
            "a\xef\xbf\xbd"
            "a");  // a character cut off
}

/// Merges of any word, by the definition: the lowest rank first, of equal ones the leftmost.
Ids merged_slowly(const std::vector<Merge>& merges, Ids word) {
  for (;;) {
    size_t best = merges.size(), where = 0;
    for (size_t i = 0; i + 1 < word.size(); ++i)
      for (size_t rank = 0; rank < best; ++rank)
        if (merges[rank].left == word[i] && merges[rank].right == word[i + 1]) best = rank, where = i;
    if (best == merges.size()) return word;
    word[where] = merges[best].result;
    word.erase(word.begin() + static_cast<std::ptrdiff_t>(where) + 1);
  }
}

/// Random merges of three first tokens and of what they become; no pair twice.
std::vector<Merge> random_merges(std::minstd_rand& draw) {
  std::vector<Merge> merges;
  std::set<std::pair<int32_t, int32_t>> pairs;
  while (merges.size() < 12) {
    const auto tokens = static_cast<uint32_t>(merges.size() + 3);
    const auto left = static_cast<int32_t>(draw() % tokens), right = static_cast<int32_t>(draw() % tokens);
    if (pairs.emplace(left, right).second) merges.push_back({left, right, static_cast<int32_t>(tokens)});
  }
  std::shuffle(merges.begin(), merges.end(), draw);
  return merges;
}

TEST(MergeTable, MergesByRankInWordsOfAnyLength) {
  std::minstd_rand draw(7);
  for (size_t length = 0; length < 200; ++length) {
    const std::vector<Merge> merges = random_merges(draw);
    Ids word;
    for (size_t i = 0; i < length; ++i) word.push_back(static_cast<int32_t>(draw() % 3));
    Ids got = {42};
    got.insert(got.end(), word.begin(), word.end());
    MergeTable(merges).apply(got, 1);
    Ids wanted = merged_slowly(merges, word);
    wanted.insert(wanted.begin(), 42);
    EXPECT_EQ(got, wanted) << length;
  }
}

}  // namespace
}  // namespace filigree::data
