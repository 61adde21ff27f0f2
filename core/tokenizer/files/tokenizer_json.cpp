// wordpiece_from_json() of tokenizer_files.h.
#include <fmt/format.h>

#include "core/tokenizer/files/declared_tokens.h"

namespace filigree::data {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// For BertTokenizer: only from its settings.
BertNormalizerOptions class_normalizer(const TokenizerSettings& settings) {
  return {true, settings.chinese_chars, settings.strip_accents, settings.lowercase};
}

BertNormalizerOptions read_normalizer(const JsonReader& reader) {
  const json& root = reader.root();
  if (!root.contains("normalizer") || root["normalizer"].is_null()) return {false, false, false, false};
  const json& part = reader.object(root, "normalizer");
  reader.expect_type(part, "normalizer", "BertNormalizer");
  return {reader.flag(part, "clean_text", true), reader.flag(part, "handle_chinese_chars", true),
          reader.optional_flag(part, "strip_accents"), reader.flag(part, "lowercase", true)};
}

void check_pre_tokenizer(const JsonReader& reader) {
  const json& root = reader.root();
  if (!root.contains("pre_tokenizer") || root["pre_tokenizer"].is_null())
    reader.fail("'pre_tokenizer' is missing; BertPreTokenizer is required");
  reader.expect_type(reader.object(root, "pre_tokenizer"), "pre_tokenizer", "BertPreTokenizer");
}

/// Reads the sections of the file, for a class that does not build its own.
void read_sections(const JsonReader& reader, const json& model, WordPieceOptions& options) {
  check_pre_tokenizer(reader);
  options.normalizer = read_normalizer(reader);
  options.prefix = reader.text(model, "continuing_subword_prefix", "##");
  if (model.contains("max_input_chars_per_word"))
    options.max_word =
        static_cast<size_t>(reader.number(model["max_input_chars_per_word"], "max_input_chars_per_word", 1 << 20));
  options.parts.around = read_template(reader, false);
}

}  // namespace

WordPieceOptions wordpiece_from_json(const JsonReader& reader, const fs::path& dir, const TokenizerSettings& settings) {
  const json& model = reader.object(reader.root(), "model");
  const bool by_class = settings.kind == TokenizerClass::bert;
  WordPieceOptions options;
  if (by_class) {
    options.normalizer = class_normalizer(settings);
  } else {
    read_sections(reader, model, options);
  }
  TokenIds ids = read_vocab(reader, reader.object(model, "vocab"), options.vocab);
  const NamedTokens named = named_tokens(dir, settings.kind);
  if (!by_class || !named.decoder) read_added(reader, ids, options.added);
  options.parts.truncate_left = truncates_left(reader);
  add_declared(dir, named, options.vocab.size(), ids, options.added);
  auto names = named_tokens(dir, TokenizerClass::bert).names();
  if (!by_class) names["unk_token"] = reader.text(model, "unk_token", names["unk_token"]);
  options.parts.special = special_ids(names, ids);
  if (by_class) {
    options.parts.around = bert_template(dir, options.parts.special);
  } else if (options.parts.special.unk < 0) {
    reader.fail(fmt::format("the unknown token '{}' is not in the vocabulary", names["unk_token"]));
  }
  options.unk = options.parts.special.unk;
  return options;
}

}  // namespace filigree::data
