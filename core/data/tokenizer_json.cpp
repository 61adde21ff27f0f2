#include <fmt/format.h>

#include "core/data/tokenizer_files.h"

namespace filigree::data {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

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
    reader.fail("'pre_tokenizer' is missing; BertPreTokenizer is wanted");
  reader.expect_type(reader.object(root, "pre_tokenizer"), "pre_tokenizer", "BertPreTokenizer");
}

}  // namespace

WordPieceOptions wordpiece_from_json(const JsonReader& reader, const fs::path& dir) {
  const json& model = reader.object(reader.root(), "model");
  check_pre_tokenizer(reader);
  WordPieceOptions options;
  TokenIds ids = read_vocab(reader, reader.object(model, "vocab"), options.vocab);
  read_added(reader, ids, options.added);
  options.normalizer = read_normalizer(reader);
  options.prefix = reader.text(model, "continuing_subword_prefix", "##");
  if (model.contains("max_input_chars_per_word"))
    options.max_word =
        static_cast<size_t>(reader.number(model["max_input_chars_per_word"], "max_input_chars_per_word", 1 << 20));
  options.around = read_template(reader, false);
  auto names = special_names(dir);
  names["unk_token"] = reader.text(model, "unk_token", names["unk_token"]);
  options.special = special_ids(names, ids);
  if (options.special.unk < 0)
    reader.fail(fmt::format("the unknown token '{}' is not in the vocabulary", names["unk_token"]));
  options.unk = options.special.unk;
  return options;
}

}  // namespace filigree::data
