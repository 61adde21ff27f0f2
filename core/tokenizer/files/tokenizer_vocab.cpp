// wordpiece_from_vocab() of tokenizer_files.h.
#include <fmt/format.h>

#include "core/error.h"
#include "core/text/text_file.h"
#include "core/text/unicode.h"
#include "core/tokenizer/files/declared_tokens.h"

namespace filigree::data {
namespace {

namespace fs = std::filesystem;

/// A line without trailing whitespace, as in the `tokenizers` package.
std::string_view token_of(std::string_view line) {
  while (!line.empty()) {
    const char32_t last = unicode::previous(line, line.size());
    if (!unicode::is_whitespace(last)) break;
    line.remove_suffix(unicode::utf8_size(last));
  }
  return line;
}

/// Ids are line numbers, from 0 and with blank lines; if a token is repeated, the last line sets its id.
TokenIds read_vocab_file(const std::string& file, WordPieceOptions& options, size_t& count) {
  const std::string text = read_text_file(file);
  TokenIds ids;
  LineReader lines(text);
  for (std::string_view line; lines.next(line);) {
    if (const std::string fault = encoding_fault(line); !fault.empty()) fail_at(file, lines.number(), fault);
    ids.insert_or_assign(std::string(token_of(line)), static_cast<int32_t>(lines.number() - 1));
  }
  if (ids.empty()) throw DataError(fmt::format("{}: the vocabulary is empty", file));
  count = static_cast<size_t>(lines.number());
  options.vocab.assign(ids.begin(), ids.end());
  return ids;
}

bool is_needed(const std::string& role) { return role == "unk_token" || role == "cls_token" || role == "sep_token"; }

/// Drops tokens that only the class names and the vocabulary lacks, except [PAD] and [MASK] if an id is free.
NamedTokens roles_in(const TokenIds& ids, size_t lines, const fs::path& dir) {
  NamedTokens named = named_tokens(dir, TokenizerClass::bert);
  const SpecialNames given = named_tokens(dir, TokenizerClass::file).names();
  const bool free = ids.size() == lines;
  for (auto& [role, token] : named.roles)
    if (token && !given.contains(role) && !ids.contains(token->content) && (is_needed(role) || !free)) token.reset();
  return named;
}

}  // namespace

WordPieceOptions wordpiece_from_vocab(const fs::path& dir, const TokenizerSettings& settings) {
  const std::string file = (dir / "vocab.txt").string();
  WordPieceOptions options;
  options.normalizer = {true, settings.chinese_chars, settings.strip_accents, settings.lowercase};
  size_t lines = 0;
  TokenIds ids = read_vocab_file(file, options, lines);
  const NamedTokens named = roles_in(ids, lines, dir);
  add_declared(dir, named, ids.size(), ids, options.added);
  const SpecialNames wanted = named_tokens(dir, TokenizerClass::bert).names();
  options.parts.special = special_ids(named.names(), ids);
  for (const auto& [role, id] : {std::pair{"unk_token", options.parts.special.unk},
                                 {"cls_token", options.parts.special.cls},
                                 {"sep_token", options.parts.special.sep}})
    if (id < 0 && wanted.contains(role))
      throw DataError(fmt::format("{}: the special token '{}' is not in the vocabulary", file, wanted.at(role)));
  options.unk = options.parts.special.unk;
  options.parts.around = bert_template(dir, options.parts.special);
  return options;
}

}  // namespace filigree::data
