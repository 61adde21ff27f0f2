#include "core/tokenizer/added_tokens.h"

#include <algorithm>
#include <cstring>

#include "core/text/unicode.h"

namespace filigree::data {
namespace {

bool ends_with_word(std::string_view text) {
  return !text.empty() && unicode::is_word(unicode::previous(text, text.size()));
}

bool starts_with_word(std::string_view text) {
  size_t i = 0;
  return !text.empty() && unicode::is_word(unicode::next(text, i));
}

size_t without_trailing_space(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    const char32_t c = unicode::previous(text, end);
    if (!unicode::is_whitespace(c)) break;
    end -= unicode::utf8_size(c);
  }
  return end;
}

size_t leading_space(std::string_view text) {
  size_t end = 0;
  for (size_t i = 0; i < text.size() && unicode::is_whitespace(unicode::next(text, i));) end = i;
  return end;
}

uint8_t first_byte(const AddedToken& token) { return static_cast<uint8_t>(token.content.front()); }

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens, bool split_special)
    : tokens_(std::move(tokens)), split_special_(split_special) {
  std::erase_if(tokens_, [](const AddedToken& token) { return token.content.empty(); });
  std::stable_sort(tokens_.begin(), tokens_.end(), [](const AddedToken& a, const AddedToken& b) {
    if (first_byte(a) != first_byte(b)) return first_byte(a) < first_byte(b);
    return a.content.size() > b.content.size();
  });
  for (uint32_t i = 0; i < tokens_.size(); ++i) {
    auto& range = range_[first_byte(tokens_[i])];
    if (range.second == 0) range.first = i;
    range.second = i + 1;
  }
  if (!tokens_.empty() && first_byte(tokens_.front()) == first_byte(tokens_.back()))
    only_first_ = first_byte(tokens_.front());
}

const AddedToken* AddedTokenMatcher::at(std::string_view rest) const {
  const auto [first, last] = range_[static_cast<uint8_t>(rest.front())];
  for (uint32_t i = first; i < last; ++i)
    if (rest.starts_with(tokens_[i].content)) return &tokens_[i];
  return nullptr;
}

bool AddedTokenMatcher::find(std::string_view sentence, size_t& from, size_t done, Match& match) const {
  if (tokens_.empty()) return false;
  while (from < sentence.size()) {
    if (only_first_ >= 0) {
      const void* hit = std::memchr(sentence.data() + from, only_first_, sentence.size() - from);
      if (hit == nullptr) return false;
      from = static_cast<size_t>(static_cast<const char*>(hit) - sentence.data());
    }
    const AddedToken* token = at(sentence.substr(from));
    if (token == nullptr) {
      ++from;
      continue;
    }
    match = {from, from + token->content.size(), token->id};
    from = match.stop;
    if (split_special_ && token->special) continue;
    if (token->single_word &&
        (ends_with_word(sentence.substr(0, match.start)) || starts_with_word(sentence.substr(match.stop))))
      continue;
    if (token->lstrip) match.start = std::max(without_trailing_space(sentence.substr(0, match.start)), done);
    if (token->rstrip) match.stop += leading_space(sentence.substr(match.stop));
    if (match.start >= match.stop) continue;  // the match before took all of its spaces
    return true;
  }
  return false;
}

}  // namespace filigree::data
