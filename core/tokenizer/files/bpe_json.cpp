// bpe_from_json() of tokenizer_files.h.
#include <fmt/format.h>

#include "core/tokenizer/files/bpe_files.h"
#include "core/tokenizer/files/declared_tokens.h"

namespace filigree::data {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

std::vector<Merge> read_merges(const JsonReader& reader, const json& model, const TokenIds& ids) {
  if (!model.contains("merges") || !model["merges"].is_array()) reader.fail("'merges' is missing or not a list");
  std::vector<Merge> merges;
  int number = -1;
  for (const json& entry : model["merges"]) {
    ++number;
    const bool pair = entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_string();
    std::string fault;
    if (entry.is_string() && is_merges_head(entry.get<std::string>())) continue;
    if (pair) {
      merges.push_back(find_merge(entry[0], entry[1], ids, fault));
    } else if (entry.is_string()) {
      merges.push_back(read_merge(entry, ids, fault));
    } else {
      fault = "is neither \"a b\" nor [\"a\", \"b\"]";
    }
    if (!fault.empty()) reader.fail(fmt::format("model.merges[{}]: {}", number, fault));
  }
  return merges;
}

/// Rejects settings that filigree does not support, so that results never differ silently.
void check_model(const JsonReader& reader, const json& model) {
  if (model.contains("dropout") && !model["dropout"].is_null() && model["dropout"] != 0)
    reader.fail("model.dropout is not supported; only null is");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!reader.text(model, key, "").empty()) reader.fail(fmt::format("model.{} is not supported; only null is", key));
  if (reader.flag(model, "byte_fallback", false)) reader.fail("model.byte_fallback: true is not supported");
}

void read_pre_tokenizer(const JsonReader& reader, BpeOptions& options) {
  const json& root = reader.root();
  if (root.contains("normalizer") && !root["normalizer"].is_null())
    reader.fail(fmt::format("normalizer of type {} is not supported for BPE; only null is",
                            reader.text(reader.object(root, "normalizer"), "type", "null")));
  if (!root.contains("pre_tokenizer") || root["pre_tokenizer"].is_null())
    reader.fail("'pre_tokenizer' is missing; ByteLevel is required");
  const json& part = reader.object(root, "pre_tokenizer");
  reader.expect_type(part, "pre_tokenizer", "ByteLevel");
  const auto prefix = reader.optional_flag(part, "add_prefix_space");
  if (!prefix) reader.fail("pre_tokenizer.add_prefix_space is missing");
  options.add_prefix_space = *prefix;
  options.split_words = reader.flag(part, "use_regex", true);
}

void read_unknown(const JsonReader& reader, const json& model, const TokenIds& ids, BpeOptions& options) {
  options.fuse_unk = reader.flag(model, "fuse_unk", false);
  if (!model.contains("unk_token") || model["unk_token"].is_null() || !lacks_bytes(ids)) return;
  const std::string name = reader.text(model, "unk_token", "");
  const auto it = ids.find(name);
  if (it == ids.end()) reader.fail(fmt::format("the unknown token '{}' is not in the vocabulary", name));
  options.unk = it->second;
}

/// Reads the sections of the file, for a class that does not build its own.
void read_sections(const JsonReader& reader, const json& model, const TokenIds& ids, BpeOptions& options) {
  check_model(reader, model);
  read_pre_tokenizer(reader, options);
  options.ignore_merges = reader.flag(model, "ignore_merges", false);
  read_unknown(reader, model, ids, options);
}

/// The class whose special tokens have the roles: that of the settings; without one, RoBERTa if there is a
/// RobertaProcessing, at the top or in a Sequence, otherwise GPT-2.
TokenizerClass roles_of(const JsonReader& reader, const TokenizerSettings& settings) {
  if (is_bpe(settings.kind)) return settings.kind;
  const auto processor = reader.root().find("post_processor");
  const bool roberta =
      processor != reader.root().end() && processor->dump().find("RobertaProcessing") != std::string::npos;
  return roberta ? TokenizerClass::roberta : TokenizerClass::gpt2;
}

}  // namespace

BpeOptions bpe_from_json(const JsonReader& reader, const fs::path& dir, const TokenizerSettings& settings) {
  const json& model = reader.object(reader.root(), "model");
  const bool by_class = is_bpe(settings.kind);
  BpeOptions options;
  TokenIds ids = read_vocab(reader, reader.object(model, "vocab"), options.vocab);
  options.merges = read_merges(reader, model, ids);
  options.add_prefix_space = settings.add_prefix_space;
  if (!by_class) read_sections(reader, model, ids, options);
  const NamedTokens named = named_tokens(dir, settings.kind);
  if (!by_class || !named.decoder) read_added(reader, ids, options.added);
  options.parts.truncate_left = truncates_left(reader);
  add_declared(dir, named, options.vocab.size(), ids, options.added);
  options.parts.special = special_ids(named_tokens(dir, roles_of(reader, settings)).names(), ids);
  options.parts.around = settings.kind == TokenizerClass::roberta ? roberta_template(dir, options.parts.special)
                                                                  : read_template(reader, true);
  return options;
}

}  // namespace filigree::data
