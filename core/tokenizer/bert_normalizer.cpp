#include "core/tokenizer/bert_normalizer.h"

#include <algorithm>

namespace filigree::data {

BertNormalizer::BertNormalizer(const BertNormalizerOptions& options)
    : options_(options), strip_accents_(options.strip_accents.value_or(options.lowercase)) {
  for (char32_t c = 0; c < 128; ++c) {
    const auto i = static_cast<size_t>(c);
    mapped_[i] = static_cast<char>(options.lowercase && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    if (options.clean_text && unicode::is_dropped(c)) {
      kind_[i] = Kind::drop;
    } else if (unicode::is_whitespace(c)) {
      kind_[i] = Kind::space;
    } else {
      kind_[i] = unicode::is_punctuation(c) ? Kind::punctuation : Kind::word;
    }
  }
}

void BertNormalizer::normalize(std::string_view text, std::u32string& out) const {
  out.clear();
  for (size_t i = 0; i < text.size();) {
    char32_t c = unicode::next(text, i);
    if (options_.clean_text) {
      if (unicode::is_dropped(c)) continue;
      if (unicode::is_whitespace(c)) c = U' ';
    }
    const bool spaced = options_.handle_chinese_chars && unicode::is_chinese(c);
    if (spaced) out.push_back(U' ');
    out.push_back(c);
    if (spaced) out.push_back(U' ');
  }
  if (strip_accents_) {
    unicode::decompose(out);
    out.erase(std::remove_if(out.begin(), out.end(), unicode::is_nonspacing), out.end());
  }
  if (options_.lowercase) {
    std::u32string lower;
    lower.reserve(out.size() + 8);
    for (const char32_t c : out) unicode::append_lower(c, lower);
    out.swap(lower);
  }
}

std::string BertNormalizer::normalize(std::string_view text) const {
  std::u32string points;
  normalize(text, points);
  std::string out;
  for (const char32_t c : points) unicode::append_utf8(c, out);
  return out;
}

}  // namespace filigree::data
