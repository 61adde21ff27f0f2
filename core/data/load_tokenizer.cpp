#include <fmt/format.h>

#include <filesystem>

#include "core/data/tokenizer_files.h"
#include "core/error.h"

namespace filigree::data {

namespace fs = std::filesystem;

namespace {

std::unique_ptr<Tokenizer> from_json(const fs::path& dir) {
  const JsonReader reader((dir / "tokenizer.json").string());
  const auto& model = reader.object(reader.root(), "model");
  const bool untyped_bpe = !model.contains("type") && model.contains("merges");  // as GPT-2's own file is
  const std::string type = reader.text(model, "type", untyped_bpe ? "BPE" : "null");
  if (type == "WordPiece") return std::make_unique<WordPieceTokenizer>(wordpiece_from_json(reader, dir));
  if (type == "BPE") return std::make_unique<BpeTokenizer>(bpe_from_json(reader, dir));
  reader.fail(fmt::format("model of type {} is not known here; WordPiece and BPE are", type));
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& model_dir) {
  const fs::path dir(model_dir);
  if (!fs::is_directory(dir)) throw DataError(fmt::format("{}: is not a folder with a model", model_dir));
  if (fs::exists(dir / "tokenizer.json")) return from_json(dir);
  if (fs::exists(dir / "vocab.txt")) return std::make_unique<WordPieceTokenizer>(wordpiece_from_vocab(dir));
  if (fs::exists(dir / "vocab.json")) return std::make_unique<BpeTokenizer>(bpe_from_vocab(dir));
  throw DataError(fmt::format("{}: has neither tokenizer.json nor vocab.txt nor vocab.json", model_dir));
}

bool has_tokenizer(const std::string& model_dir) {
  const fs::path dir(model_dir);
  return fs::exists(dir / "tokenizer.json") || fs::exists(dir / "vocab.txt") || fs::exists(dir / "vocab.json");
}

}  // namespace filigree::data
