#include <fmt/format.h>

#include "core/data/tokenizer_files.h"

namespace filigree::data {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

Template plain_template() {
  using Kind = TemplatePiece::Kind;
  return {{{Kind::a, {}, 0}}, {{Kind::a, {}, 0}, {Kind::b, {}, 1}}};
}

std::vector<TemplatePiece> read_pieces(const JsonReader& reader, const json& processor, const char* key) {
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

int32_t processing_id(const JsonReader& reader, const json& processor, const char* key) {
  if (!processor.contains(key) || !processor[key].is_array() || processor[key].size() != 2)
    reader.fail(fmt::format("post_processor.{} is not [token, id]", key));
  return reader.id(processor[key][1], fmt::format("post_processor.{}", key));
}

Template read_template(const JsonReader& reader) {
  const json& root = reader.root();
  if (!root.contains("post_processor") || root["post_processor"].is_null()) return plain_template();
  const json& processor = reader.object(root, "post_processor");
  if (reader.text(processor, "type", "") == "BertProcessing")
    return bert_template(processing_id(reader, processor, "cls"), processing_id(reader, processor, "sep"));
  reader.expect_type(processor, "post_processor", "TemplateProcessing");
  return {read_pieces(reader, processor, "single"), read_pieces(reader, processor, "pair")};
}

BertNormalizerOptions read_normalizer(const JsonReader& reader) {
  const json& root = reader.root();
  if (!root.contains("normalizer") || root["normalizer"].is_null()) return {false, false, false, false};
  const json& part = reader.object(root, "normalizer");
  reader.expect_type(part, "normalizer", "BertNormalizer");
  return {reader.flag(part, "clean_text", true), reader.flag(part, "handle_chinese_chars", true),
          reader.optional_flag(part, "strip_accents"), reader.flag(part, "lowercase", true)};
}

TokenIds read_vocab(const JsonReader& reader, const json& model, WordPieceOptions& options) {
  const json& vocab = reader.object(model, "vocab");
  TokenIds ids;
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

void read_added(const JsonReader& reader, TokenIds& ids, WordPieceOptions& options) {
  const json& root = reader.root();
  if (!root.contains("added_tokens") || root["added_tokens"].is_null()) return;
  if (!root["added_tokens"].is_array()) reader.fail("'added_tokens' is not a list");
  for (const json& entry : root["added_tokens"]) {
    if (!entry.is_object() || !entry.contains("id")) reader.fail("an entry of 'added_tokens' has no id");
    add_token(reader, entry, reader.id(entry["id"], "id of an added token"), ids, options);
  }
}

}  // namespace

WordPieceOptions wordpiece_from_json(const fs::path& dir) {
  const JsonReader reader((dir / "tokenizer.json").string());
  const json& model = reader.object(reader.root(), "model");
  reader.expect_type(model, "model", "WordPiece");
  const json& root = reader.root();
  if (root.contains("pre_tokenizer") && !root["pre_tokenizer"].is_null()) {
    reader.expect_type(reader.object(root, "pre_tokenizer"), "pre_tokenizer", "BertPreTokenizer");
  } else {
    reader.fail("'pre_tokenizer' is missing; BertPreTokenizer is wanted");
  }
  WordPieceOptions options;
  TokenIds ids = read_vocab(reader, model, options);
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

}  // namespace filigree::data
