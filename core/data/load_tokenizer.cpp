// Reads the tokenizer files of a Hugging Face directory into WordPieceOptions.
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "core/data/text_file.h"
#include "core/data/wordpiece.h"
#include "core/error.h"

namespace filigree::data {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// One file's JSON with typed, complaining access: every error names the file and the key.
class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {
    const std::string text = read_text_file(file_);
    if (text.empty()) fail("is empty");
    std::vector<std::unordered_set<std::string>> keys;
    auto no_duplicates = [&](int depth, json::parse_event_t event, json& value) {
      const auto level = static_cast<size_t>(depth);
      if (keys.size() < level + 2) keys.resize(level + 2);
      if (event == json::parse_event_t::object_start) keys[level + 1].clear();
      if (event == json::parse_event_t::key && !keys[level].insert(value.get<std::string>()).second)
        fail(fmt::format("key '{}' stands there twice", value.get<std::string>()));
      return true;
    };
    try {
      root_ = json::parse(text, no_duplicates);
    } catch (const json::exception& error) {
      fail(fmt::format("is not valid JSON: {}", error.what()));
    }
    if (!root_.is_object()) fail("is not a JSON object");
  }

  [[noreturn]] void fail(const std::string& message) const { throw DataError(fmt::format("{}: {}", file_, message)); }
  const json& root() const { return root_; }

  const json& object(const json& in, const char* key) const {
    if (!in.contains(key) || !in[key].is_object()) fail(fmt::format("'{}' is missing or not an object", key));
    return in[key];
  }
  std::string text(const json& in, const char* key, const std::string& otherwise) const {
    if (!in.contains(key) || in[key].is_null()) return otherwise;
    const json& value = in[key];
    if (value.is_object() && value.contains("content") && value["content"].is_string()) return value["content"];
    if (!value.is_string()) fail(fmt::format("'{}' is not a string", key));
    return value;
  }
  bool flag(const json& in, const char* key, bool otherwise) const {
    if (!in.contains(key) || in[key].is_null()) return otherwise;
    if (!in[key].is_boolean()) fail(fmt::format("'{}' is not true or false", key));
    return in[key];
  }
  std::optional<bool> optional_flag(const json& in, const char* key) const {
    if (!in.contains(key) || in[key].is_null()) return {};
    return flag(in, key, false);
  }
  int64_t number(const json& value, const std::string& what, int64_t most) const {
    if (!value.is_number_integer() || value < 0 || value > most)
      fail(fmt::format("{} is not a number from 0 to {}", what, most));
    return value;
  }
  int32_t id(const json& value, const std::string& what) const {
    return static_cast<int32_t>(number(value, what, std::numeric_limits<int32_t>::max() - 1));
  }
  void expect_type(const json& in, const char* part, const std::string& wanted) const {
    const std::string found = text(in, "type", "null");
    if (found != wanted) fail(fmt::format("{} of type {} is not known here; {} is", part, found, wanted));
  }

 private:
  std::string file_;
  json root_;
};

using Ids = std::unordered_map<std::string, int32_t>;

/// Names of the special tokens: tokenizer_config.json's where it has them, else BERT's.
std::map<std::string, std::string> special_names(const fs::path& dir) {
  std::map<std::string, std::string> names = {{"unk_token", "[UNK]"},
                                              {"cls_token", "[CLS]"},
                                              {"sep_token", "[SEP]"},
                                              {"pad_token", "[PAD]"},
                                              {"mask_token", "[MASK]"}};
  if (!fs::exists(dir / "tokenizer_config.json")) return names;
  const Reader config((dir / "tokenizer_config.json").string());
  for (auto& [key, name] : names) name = config.text(config.root(), key.c_str(), name);
  return names;
}

SpecialIds special_ids(const std::map<std::string, std::string>& names, const Ids& ids) {
  auto find = [&](const char* key) {
    const auto it = ids.find(names.at(key));
    return it == ids.end() ? -1 : it->second;
  };
  return {find("unk_token"), find("cls_token"), find("sep_token"), find("pad_token"), find("mask_token")};
}

/// [CLS] A [SEP], and [CLS] A [SEP] B [SEP] with B as segment 1.
Template bert_template(int32_t cls, int32_t sep) {
  using Kind = TemplatePiece::Kind;
  const TemplatePiece first{Kind::tokens, {cls}, 0}, a{Kind::a, {}, 0}, b{Kind::b, {}, 1};
  const TemplatePiece end_a{Kind::tokens, {sep}, 0}, end_b{Kind::tokens, {sep}, 1};
  return {{first, a, end_a}, {first, a, end_a, b, end_b}};
}

Template plain_template() {
  using Kind = TemplatePiece::Kind;
  return {{{Kind::a, {}, 0}}, {{Kind::a, {}, 0}, {Kind::b, {}, 1}}};
}

// ---- tokenizer.json

std::vector<TemplatePiece> read_pieces(const Reader& reader, const json& processor, const char* key) {
  std::vector<TemplatePiece> pieces;
  if (!processor.contains(key) || !processor[key].is_array())
    reader.fail(fmt::format("post_processor.{} is not a list", key));
  for (const json& entry : processor[key]) {
    const bool special = entry.is_object() && entry.contains("SpecialToken");
    const json& body = reader.object(entry, special ? "SpecialToken" : "Sequence");
    const std::string name = reader.text(body, "id", "");
    TemplatePiece piece;
    piece.type_id = body.contains("type_id") ? static_cast<int32_t>(reader.number(body["type_id"], "type_id", 1)) : 0;
    if (special) {
      const json& token = reader.object(reader.object(processor, "special_tokens"), name.c_str());
      if (!token.contains("ids") || !token["ids"].is_array())
        reader.fail(fmt::format("special token '{}' has no ids", name));
      for (const json& id : token["ids"]) piece.ids.push_back(reader.id(id, "id of " + name));
    } else if (name == "A" || name == "B") {
      piece.kind = name == "A" ? TemplatePiece::Kind::a : TemplatePiece::Kind::b;
    } else {
      reader.fail(fmt::format("post_processor.{} names sequence '{}', not A or B", key, name));
    }
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

int32_t processing_id(const Reader& reader, const json& processor, const char* key) {
  if (!processor.contains(key) || !processor[key].is_array() || processor[key].size() != 2)
    reader.fail(fmt::format("post_processor.{} is not [token, id]", key));
  return reader.id(processor[key][1], fmt::format("post_processor.{}", key));
}

Template read_template(const Reader& reader) {
  const json& root = reader.root();
  if (!root.contains("post_processor") || root["post_processor"].is_null()) return plain_template();
  const json& processor = reader.object(root, "post_processor");
  if (reader.text(processor, "type", "") == "BertProcessing")
    return bert_template(processing_id(reader, processor, "cls"), processing_id(reader, processor, "sep"));
  reader.expect_type(processor, "post_processor", "TemplateProcessing");
  return {read_pieces(reader, processor, "single"), read_pieces(reader, processor, "pair")};
}

BertNormalizerOptions read_normalizer(const Reader& reader) {
  const json& root = reader.root();
  if (!root.contains("normalizer") || root["normalizer"].is_null()) return {false, false, false, false};
  const json& part = reader.object(root, "normalizer");
  reader.expect_type(part, "normalizer", "BertNormalizer");
  return {reader.flag(part, "clean_text", true), reader.flag(part, "handle_chinese_chars", true),
          reader.optional_flag(part, "strip_accents"), reader.flag(part, "lowercase", true)};
}

Ids read_vocab(const Reader& reader, const json& model, WordPieceOptions& options) {
  const json& vocab = reader.object(model, "vocab");
  Ids ids;
  std::unordered_map<int32_t, std::string> tokens;
  for (const auto& [token, value] : vocab.items()) {
    const int32_t id = reader.id(value, fmt::format("id of token '{}'", token));
    const auto [other, fresh] = tokens.emplace(id, token);
    if (!fresh) reader.fail(fmt::format("tokens '{}' and '{}' have the same id {}", other->second, token, id));
    ids.emplace(token, id);
    options.vocab.emplace_back(token, id);
  }
  if (ids.empty()) reader.fail("the vocabulary is empty");
  return ids;
}

AddedToken read_added_token(const Reader& reader, const json& entry, int32_t id) {
  const bool special = reader.flag(entry, "special", false);
  return {.content = reader.text(entry, "content", ""),
          .id = id,
          .single_word = reader.flag(entry, "single_word", false),
          .lstrip = reader.flag(entry, "lstrip", false),
          .rstrip = reader.flag(entry, "rstrip", false),
          .normalized = reader.flag(entry, "normalized", !special),
          .special = special};
}

void read_added(const Reader& reader, Ids& ids, WordPieceOptions& options) {
  const json& root = reader.root();
  if (!root.contains("added_tokens") || root["added_tokens"].is_null()) return;
  if (!root["added_tokens"].is_array()) reader.fail("'added_tokens' is not a list");
  for (const json& entry : root["added_tokens"]) {
    if (!entry.is_object() || !entry.contains("id")) reader.fail("an entry of 'added_tokens' has no id");
    AddedToken token = read_added_token(reader, entry, reader.id(entry["id"], "id of an added token"));
    const auto [known, fresh] = ids.emplace(token.content, token.id);
    if (!fresh && known->second != token.id)
      reader.fail(fmt::format("added token '{}' has id {}, in the vocabulary it has {}", token.content, token.id,
                              known->second));
    options.added.push_back(std::move(token));
  }
}

WordPieceOptions from_json(const fs::path& dir) {
  const Reader reader((dir / "tokenizer.json").string());
  const json& model = reader.object(reader.root(), "model");
  reader.expect_type(model, "model", "WordPiece");
  const json& root = reader.root();
  if (root.contains("pre_tokenizer") && !root["pre_tokenizer"].is_null()) {
    reader.expect_type(reader.object(root, "pre_tokenizer"), "pre_tokenizer", "BertPreTokenizer");
  } else {
    reader.fail("'pre_tokenizer' is missing; BertPreTokenizer is wanted");
  }
  WordPieceOptions options;
  Ids ids = read_vocab(reader, model, options);
  read_added(reader, ids, options);
  options.normalizer = read_normalizer(reader);
  options.prefix = reader.text(model, "continuing_subword_prefix", "##");
  if (model.contains("max_input_chars_per_word"))
    options.max_word =
        static_cast<size_t>(reader.number(model["max_input_chars_per_word"], "max_input_chars_per_word", 1 << 20));
  options.around = read_template(reader);
  auto names = special_names(dir);
  names["unk_token"] = reader.text(model, "unk_token", names["unk_token"]);
  options.special = special_ids(names, ids);
  if (options.special.unk < 0)
    reader.fail(fmt::format("the unknown token '{}' is not in the vocabulary", names["unk_token"]));
  options.unk = options.special.unk;
  return options;
}

// ---- vocab.txt

Ids read_vocab_file(const std::string& file, WordPieceOptions& options) {
  const std::string text = read_text_file(file);
  Ids ids;
  LineReader lines(text);
  for (std::string_view line; lines.next(line);) {
    if (const std::string fault = encoding_fault(line); !fault.empty()) fail_at(file, lines.number(), fault);
    const auto id = static_cast<int32_t>(lines.number() - 1);
    const auto [known, fresh] = ids.emplace(std::string(line), id);
    if (!fresh)
      fail_at(file, lines.number(),
              fmt::format("token '{}' stands already in line {}", shown(line), known->second + 1));
    options.vocab.emplace_back(line, id);
  }
  if (ids.empty()) throw DataError(fmt::format("{}: the vocabulary is empty", file));
  return ids;
}

void read_config(const fs::path& dir, Ids& ids, WordPieceOptions& options) {
  if (!fs::exists(dir / "tokenizer_config.json")) return;
  const Reader reader((dir / "tokenizer_config.json").string());
  const json& root = reader.root();
  options.normalizer.lowercase = reader.flag(root, "do_lower_case", true);
  options.normalizer.handle_chinese_chars = reader.flag(root, "tokenize_chinese_chars", true);
  options.normalizer.strip_accents = reader.optional_flag(root, "strip_accents");
  if (!reader.flag(root, "do_basic_tokenize", true)) reader.fail("do_basic_tokenize: false is not known here");
  if (root.contains("never_split") && !root["never_split"].empty())
    reader.fail("never_split is not known here; make them added tokens and save the tokenizer as tokenizer.json");
  if (!root.contains("added_tokens_decoder")) return;
  for (const auto& [key, entry] : reader.object(root, "added_tokens_decoder").items()) {
    const bool digits = !key.empty() && key.size() < 10 && key.find_first_not_of("0123456789") == std::string::npos;
    if (!digits || !entry.is_object())
      reader.fail(fmt::format("added_tokens_decoder: '{}' is not the id of a token", key));
    AddedToken token = read_added_token(reader, entry, std::stoi(key));
    const auto [known, fresh] = ids.emplace(token.content, token.id);
    if (!fresh && known->second != token.id)
      reader.fail(fmt::format("added token '{}' has id {}, in the vocabulary it has {}", token.content, token.id,
                              known->second));
    options.added.push_back(std::move(token));
  }
}

WordPieceOptions from_vocab(const fs::path& dir) {
  const std::string file = (dir / "vocab.txt").string();
  WordPieceOptions options;
  Ids ids = read_vocab_file(file, options);
  if (fs::exists(dir / "added_tokens.json"))
    throw DataError(
        fmt::format("{}: tokens added in a file of their own are not known here; save the tokenizer as tokenizer.json",
                    (dir / "added_tokens.json").string()));
  read_config(dir, ids, options);
  const auto names = special_names(dir);
  for (const char* key : {"unk_token", "cls_token", "sep_token"})
    if (!ids.contains(names.at(key)))
      throw DataError(fmt::format("{}: the special token '{}' is not in the vocabulary", file, names.at(key)));
  options.special = special_ids(names, ids);
  options.unk = options.special.unk;
  options.around = bert_template(options.special.cls, options.special.sep);
  std::set<std::string> added;
  for (const AddedToken& token : options.added) added.insert(token.content);
  for (const auto& [key, name] : names)
    if (ids.contains(name) && !added.contains(name))
      options.added.push_back({.content = name, .id = ids.at(name), .normalized = false, .special = true});
  return options;
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& model_dir) {
  const fs::path dir(model_dir);
  if (!fs::is_directory(dir)) throw DataError(fmt::format("{}: is not a folder with a model", model_dir));
  if (fs::exists(dir / "tokenizer.json")) return std::make_unique<WordPieceTokenizer>(from_json(dir));
  if (fs::exists(dir / "vocab.txt")) return std::make_unique<WordPieceTokenizer>(from_vocab(dir));
  throw DataError(fmt::format("{}: has neither tokenizer.json nor vocab.txt", model_dir));
}

}  // namespace filigree::data
