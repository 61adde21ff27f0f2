#include <fmt/format.h>

#include <set>

#include "core/data/text_file.h"
#include "core/data/tokenizer_files.h"
#include "core/error.h"

namespace filigree::data {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

TokenIds read_vocab_file(const std::string& file, WordPieceOptions& options) {
  const std::string text = read_text_file(file);
  TokenIds ids;
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

void read_config(const fs::path& dir, TokenIds& ids, WordPieceOptions& options) {
  if (!fs::exists(dir / "tokenizer_config.json")) return;
  const JsonReader reader((dir / "tokenizer_config.json").string());
  const json& root = reader.root();
  options.normalizer.lowercase = reader.flag(root, "do_lower_case", true);
  options.normalizer.handle_chinese_chars = reader.flag(root, "tokenize_chinese_chars", true);
  options.normalizer.strip_accents = reader.optional_flag(root, "strip_accents");
  if (!reader.flag(root, "do_basic_tokenize", true)) reader.fail("do_basic_tokenize: false is not known here");
  if (root.contains("never_split") && !root["never_split"].empty())
    reader.fail("never_split is not known here; make them added tokens and save the tokenizer as tokenizer.json");
  if (!root.contains("added_tokens_decoder")) return;
  for (const auto& [key, entry] : reader.object(root, "added_tokens_decoder").items())
    add_token(reader, entry, decoder_key(reader, key, entry), ids, options.added);
}

}  // namespace

WordPieceOptions wordpiece_from_vocab(const fs::path& dir) {
  const std::string file = (dir / "vocab.txt").string();
  WordPieceOptions options;
  TokenIds ids = read_vocab_file(file, options);
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

}  // namespace filigree::data
