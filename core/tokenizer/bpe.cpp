#include "core/tokenizer/bpe.h"

#include <algorithm>

#include "core/text/unicode.h"
#include "core/tokenizer/byte_level.h"

namespace filigree::data {
namespace {

std::vector<AddedToken> select(const std::vector<AddedToken>& tokens, bool normalized) {
  std::vector<AddedToken> out;
  for (const AddedToken& token : tokens)
    if (token.normalized == normalized) out.push_back(token);
  return out;
}

}  // namespace

BpeTokenizer::BpeTokenizer(const BpeOptions& options)
    : Tokenizer(options.parts, all_special_ids(options.parts.special, options.added),
                ids_needed(options.vocab, options.added)),
      raw_(select(options.added, false), options.split_special),
      normalized_(select(options.added, true), options.split_special),
      merges_(options.merges),
      unk_(options.unk),
      fuse_unk_(options.fuse_unk),
      add_prefix_space_(options.add_prefix_space),
      split_words_(options.split_words) {
  read_words(options);
  const auto special = special_contents(options.added);
  auto add_text = [&](const std::string& token, int32_t id) {
    texts_.set(id, byte_level::bytes_of(token).value_or(token), special.contains(token));
  };
  for (const auto& [token, id] : options.vocab) add_text(token, id);
  for (const AddedToken& token : options.added) add_text(token.content, token.id);
}

void BpeTokenizer::read_words(const BpeOptions& options) {
  std::unordered_map<std::string_view, int32_t> ids(options.vocab.begin(), options.vocab.end());
  for (size_t byte = 0; byte < byte_id_.size(); ++byte) {
    const auto it = ids.find(byte_level::alphabet()[byte]);
    byte_id_[byte] = it == ids.end() ? -1 : it->second;
  }
  std::vector<int32_t> merged;
  for (const auto& [token, id] : options.vocab) {
    const auto bytes = byte_level::bytes_of(token);
    if (!bytes || bytes->empty()) continue;
    merged.clear();
    if (!options.ignore_merges) append_merged(*bytes, merged);
    if (options.ignore_merges || (merged.size() == 1 && merged[0] == id)) word_.emplace(*bytes, id);
  }
}

void BpeTokenizer::append_merged(std::string_view word, std::vector<int32_t>& ids) const {
  const size_t start = ids.size();
  bool unknown_before = false;
  for (const char c : word) {
    const int32_t id = byte_id_[static_cast<uint8_t>(c)];
    if (id >= 0) {
      ids.push_back(id);
    } else if (unk_ && !(unknown_before && fuse_unk_)) {
      ids.push_back(*unk_);
    }
    unknown_before = id < 0;
  }
  merges_.apply(ids, start);
}

void BpeTokenizer::append_word(std::string_view word, std::vector<int32_t>& ids) const {
  const auto known = word_.find(word);
  if (known != word_.end()) {
    ids.push_back(known->second);
  } else {
    append_merged(word, ids);
  }
}

void BpeTokenizer::append_part(std::string_view part, std::vector<int32_t>& ids) const {
  std::string spaced;
  if (add_prefix_space_ && !part.starts_with(' ')) {
    spaced.append(" ").append(part);
    part = spaced;
  }
  for (size_t at = 0; at < part.size();) {
    const size_t end = split_words_ ? byte_level::word_end(part, at) : part.size();
    append_word(part.substr(at, end - at), ids);
    at = end;
  }
}

void BpeTokenizer::tokenize(std::string_view text, std::vector<int32_t>& ids) const {
  std::string repaired;
  if (unicode::find_invalid_utf8(text) != unicode::kValid) text = repaired = unicode::replace_invalid(text);
  auto token = [&](int32_t id) { ids.push_back(id); };
  raw_.split(
      text,
      [&](std::string_view part) {
        normalized_.split(
            part, [&](std::string_view words) { append_part(words, ids); }, token);
      },
      token);
}

std::string BpeTokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string bytes;
  for (const int32_t id : ids)
    if (const std::string* text = texts_.find(id, skip_special)) bytes += *text;
  return unicode::replace_invalid(bytes);
}

}  // namespace filigree::data
