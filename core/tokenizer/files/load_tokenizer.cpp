// load_tokenizer() and has_tokenizer() of tokenizer.h.
#include <fmt/format.h>

#include <filesystem>

#include "core/error.h"
#include "core/tokenizer/files/tokenizer_files.h"

namespace filigree::data {

namespace fs = std::filesystem;

namespace {

/// Applies the settings that all kinds of tokenizer share.
template <class Options>
Options finished(Options options, const TokenizerSettings& settings) {
  options.split_special = settings.split_special;
  options.parts.truncate_left = settings.truncate_left.value_or(options.parts.truncate_left);
  if (settings.type_ids) return options;
  for (auto* pieces : {&options.parts.around.single, &options.parts.around.pair})
    for (TemplatePiece& piece : *pieces) piece.type_id = 0;
  return options;
}

/// A class that builds its own parts reads only files of its own kind.
void check_kind(const fs::path& file, bool bpe, const TokenizerSettings& settings) {
  if (settings.kind == TokenizerClass::file || is_bpe(settings.kind) == bpe) return;
  throw DataError(
      fmt::format("{}: is a {} tokenizer, but tokenizer_config.json and config.json beside it select a {} class; "
                  "set tokenizer_class in tokenizer_config.json to {}",
                  file.string(), bpe ? "BPE" : "WordPiece", bpe ? "WordPiece" : "BPE",
                  file.extension() == ".json" ? "PreTrainedTokenizerFast, which takes tokenizer.json as it is"
                                              : "BertTokenizer, which reads vocab.txt"));
}

std::unique_ptr<Tokenizer> from_json(const fs::path& dir, const TokenizerSettings& settings) {
  const JsonReader reader((dir / "tokenizer.json").string());
  const auto& model = reader.object(reader.root(), "model");
  const bool is_map = model.contains("vocab") && model["vocab"].is_object();  // old files have no type
  const std::string type = reader.text(model, "type", model.contains("merges") ? "BPE" : is_map ? "WordPiece" : "null");
  if (type == "WordPiece" || type == "BPE") check_kind(dir / "tokenizer.json", type == "BPE", settings);
  if (type == "WordPiece")
    return std::make_unique<WordPieceTokenizer>(finished(wordpiece_from_json(reader, dir, settings), settings));
  if (type == "BPE") return std::make_unique<BpeTokenizer>(finished(bpe_from_json(reader, dir, settings), settings));
  reader.fail(fmt::format("model of type {} is not supported; use WordPiece or BPE", type));
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& model_dir) {
  const fs::path dir(model_dir);
  if (!fs::is_directory(dir)) throw DataError(fmt::format("{}: is not a model directory", model_dir));
  if (!has_tokenizer(model_dir))
    throw DataError(fmt::format("{}: has neither tokenizer.json nor vocab.txt nor vocab.json", model_dir));
  TokenizerSettings settings = tokenizer_settings(dir);
  if (fs::exists(dir / "tokenizer.json")) return from_json(dir, settings);
  if (fs::exists(dir / "vocab.json") && (is_bpe(settings.kind) || !fs::exists(dir / "vocab.txt")))
    return std::make_unique<BpeTokenizer>(finished(bpe_from_vocab(dir, settings), settings));
  if (settings.needs_json)
    throw DataError(
        fmt::format("{}: tokenizer_class '{}' reads tokenizer.json, and there is none; set tokenizer_class "
                    "to BertTokenizer if vocab.txt is a BERT's",
                    dir.string(), settings.class_name));
  check_kind(dir / "vocab.txt", false, settings);
  if (settings.kind == TokenizerClass::file) settings.type_ids = true;  // vocab.txt implies BERT
  return std::make_unique<WordPieceTokenizer>(finished(wordpiece_from_vocab(dir, settings), settings));
}

bool has_tokenizer(const std::string& model_dir) {
  const fs::path dir(model_dir);
  return fs::exists(dir / "tokenizer.json") || fs::exists(dir / "vocab.txt") || fs::exists(dir / "vocab.json");
}

}  // namespace filigree::data
