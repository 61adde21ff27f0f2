#pragma once
// BERT's text clean-up: the BertNormalizer of the `tokenizers` package. Its four steps, in this order:
//   clean_text            remove control characters, replace each whitespace character by ' '
//   handle_chinese_chars  put ' ' before and after each CJK character
//   strip_accents         NFD, then remove nonspacing marks (unset: follows lowercase)
//   lowercase             character by character
// Also its pre-tokenizer: split at whitespace (dropped) and around each punctuation character (kept).
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/text/unicode.h"

namespace filigree::data {

struct BertNormalizerOptions {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  std::optional<bool> strip_accents;
  bool lowercase = true;
};

class BertNormalizer {
 public:
  explicit BertNormalizer(const BertNormalizerOptions& options = {});

  void normalize(std::string_view text, std::u32string& out) const;
  std::string normalize(std::string_view text) const;

  /// Calls `word(std::string_view utf8, size_t characters)` for each normalized word; `buffers` are scratch.
  struct Buffers {
    std::u32string text;
    std::string word;
  };
  template <class F>
  void split(std::string_view text, Buffers& buffers, F&& word) const {
    if (unicode::is_ascii(text)) {
      split_ascii(text, buffers.word, word);
    } else {
      normalize(text, buffers.text);
      split_words(buffers.text, buffers.word, word);
    }
  }

  /// Only the pre-tokenizer, for text that is already normalized.
  template <class F>
  static void split_words(std::u32string_view text, std::string& buffer, F&& word);

 private:
  enum class Kind : uint8_t { drop, space, punctuation, word };

  /// Normalizes and splits in one pass, with a table of the 128 ASCII characters.
  template <class F>
  void split_ascii(std::string_view text, std::string& buffer, F&& word) const;

  BertNormalizerOptions options_;
  bool strip_accents_;
  std::array<Kind, 128> kind_{};
  std::array<char, 128> mapped_{};
};

template <class F>
void BertNormalizer::split_words(std::u32string_view text, std::string& buffer, F&& word) {
  buffer.clear();
  size_t characters = 0;
  auto flush = [&] {
    if (characters > 0) word(std::string_view(buffer), characters);
    buffer.clear();
    characters = 0;
  };
  for (const char32_t c : text) {
    if (unicode::is_whitespace(c)) {
      flush();
      continue;
    }
    const bool alone = unicode::is_punctuation(c);
    if (alone) flush();
    unicode::append_utf8(c, buffer);
    ++characters;
    if (alone) flush();
  }
  flush();
}

template <class F>
void BertNormalizer::split_ascii(std::string_view text, std::string& buffer, F&& word) const {
  buffer.clear();
  auto flush = [&] {
    if (!buffer.empty()) word(std::string_view(buffer), buffer.size());
    buffer.clear();
  };
  for (const char byte : text) {
    const auto c = static_cast<uint8_t>(byte);
    switch (kind_[c]) {
      case Kind::word:
        buffer.push_back(mapped_[c]);
        break;
      case Kind::space:
        flush();
        break;
      case Kind::punctuation:
        flush();
        buffer.push_back(mapped_[c]);
        flush();
        break;
      case Kind::drop:
        break;
    }
  }
  flush();
}

}  // namespace filigree::data
