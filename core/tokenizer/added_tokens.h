#pragma once
// Tokens that are found in the text itself, before any splitting: [MASK], [SEP] and what a user added. The longest of
// those that start leftmost wins. Flags as in tokenizer.json:
//   single_word  no match next to a word character
//   lstrip       whitespace before the token belongs to it; rstrip likewise after it
//   normalized   matched in the normalised text, else in the raw one (the caller keeps one matcher for each)
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
  /// `tokens` with empty content are ignored. With `split_special` the special ones are found and then left as text.
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens = {}, bool split_special = false);
  bool empty() const { return tokens_.empty(); }

  /// Cuts the text in order into `text(std::string_view)` (never empty) and `token(int32_t id)` pieces.
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
  /// The next match that starts at `from` or later; moves `from` behind it. Its lstrip goes no further back than
  /// `done`.
  bool find(std::string_view sentence, size_t& from, size_t done, Match& match) const;
  const AddedToken* at(std::string_view rest) const;

  std::vector<AddedToken> tokens_;                          ///< by first byte, longest first
  std::array<std::pair<uint32_t, uint32_t>, 256> range_{};  ///< of tokens_ by first byte
  int only_first_ = -1;                                     ///< first byte of all tokens, when they share one
  bool split_special_ = false;
};

}  // namespace filigree::data
