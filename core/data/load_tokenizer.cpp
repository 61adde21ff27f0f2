#include <fmt/format.h>

#include <filesystem>

#include "core/data/tokenizer_files.h"
#include "core/error.h"

namespace filigree::data {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

AddedToken read_added_token(const JsonReader& reader, const json& entry, int32_t id) {
  const bool special = reader.flag(entry, "special", false);
  return {.content = reader.text(entry, "content", ""),
          .id = id,
          .single_word = reader.flag(entry, "single_word", false),
          .lstrip = reader.flag(entry, "lstrip", false),
          .rstrip = reader.flag(entry, "rstrip", false),
          .normalized = reader.flag(entry, "normalized", !special),
          .special = special};
}

}  // namespace

SpecialNames special_names(const fs::path& dir) {
  SpecialNames names = {{"unk_token", "[UNK]"},
                        {"cls_token", "[CLS]"},
                        {"sep_token", "[SEP]"},
                        {"pad_token", "[PAD]"},
                        {"mask_token", "[MASK]"}};
  if (!fs::exists(dir / "tokenizer_config.json")) return names;
  const JsonReader config((dir / "tokenizer_config.json").string());
  for (auto& [key, name] : names) name = config.text(config.root(), key.c_str(), name);
  return names;
}

SpecialIds special_ids(const SpecialNames& names, const TokenIds& ids) {
  auto find = [&](const char* key) {
    const auto it = ids.find(names.at(key));
    return it == ids.end() ? -1 : it->second;
  };
  return {find("unk_token"), find("cls_token"), find("sep_token"), find("pad_token"), find("mask_token")};
}

Template bert_template(int32_t cls, int32_t sep) {
  using Kind = TemplatePiece::Kind;
  const TemplatePiece first{Kind::tokens, {cls}, 0}, a{Kind::a, {}, 0}, b{Kind::b, {}, 1};
  const TemplatePiece end_a{Kind::tokens, {sep}, 0}, end_b{Kind::tokens, {sep}, 1};
  return {{first, a, end_a}, {first, a, end_a, b, end_b}};
}

void add_token(const JsonReader& reader, const json& entry, int32_t id, TokenIds& ids, WordPieceOptions& options) {
  AddedToken token = read_added_token(reader, entry, id);
  const auto [known, fresh] = ids.emplace(token.content, token.id);
  if (!fresh && known->second != token.id)
    reader.fail(
        fmt::format("added token '{}' has id {}, in the vocabulary it has {}", token.content, token.id, known->second));
  options.added.push_back(std::move(token));
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& model_dir) {
  const fs::path dir(model_dir);
  if (!fs::is_directory(dir)) throw DataError(fmt::format("{}: is not a folder with a model", model_dir));
  if (fs::exists(dir / "tokenizer.json")) return std::make_unique<WordPieceTokenizer>(wordpiece_from_json(dir));
  if (fs::exists(dir / "vocab.txt")) return std::make_unique<WordPieceTokenizer>(wordpiece_from_vocab(dir));
  throw DataError(fmt::format("{}: has neither tokenizer.json nor vocab.txt", model_dir));
}

}  // namespace filigree::data
