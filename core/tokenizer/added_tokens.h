#pragma once
// Finds added tokens ([MASK], [SEP], user-defined ones) in the text before it is split into words. The
// leftmost match wins; among matches with the same start, the longest. Flags as in tokenizer.json:
//   single_word  no match next to a word character
//   lstrip       the match includes the whitespace before the token; rstrip: the whitespace after it
//   normalized   match in the normalized text, otherwise in the raw text (the caller keeps one matcher each)
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace filigree::data {

struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool single_word = false, lstrip = false, rstrip = false, normalized = false, special = false;
};

class AddedTokenMatcher {
 public:
  /// Ignores `tokens` with empty content. With `split_special`, special tokens are found but left as text.
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens = {}, bool split_special = false);
  bool empty() const { return tokens_.empty(); }

  /// Cuts the sentence in order into `text(std::string_view)` (never empty) and `token(int32_t id)` pieces.
  template <class Text, class Token>
  void split(std::string_view sentence, Text&& text, Token&& token) const {
    size_t done = 0, from = 0;
    for (Match match; find(sentence, from, done, match);) {
      if (done < match.start) text(sentence.substr(done, match.start - done));
      token(match.id);
      done = match.stop;
    }
    if (done < sentence.size()) text(sentence.substr(done));
  }

 private:
  struct Match {
    size_t start = 0, stop = 0;
    int32_t id = 0;
  };
  /// The next match that starts at or after `from`; moves `from` past it. lstrip stops at `done`.
  bool find(std::string_view sentence, size_t& from, size_t done, Match& match) const;
  const AddedToken* at(std::string_view rest) const;

  std::vector<AddedToken> tokens_;                          ///< sorted by first byte, then longest first
  std::array<std::pair<uint32_t, uint32_t>, 256> range_{};  ///< [first, last) in tokens_ by first byte
  int only_first_ = -1;                                     ///< first byte of all tokens if they share it, else -1
  bool split_special_ = false;
};

}  // namespace filigree::data
