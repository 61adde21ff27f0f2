#pragma once
// Byte-level BPE as GPT-2 and RoBERTa have it: the text is cut into words (byte_level.h), the bytes of a word are its
// first tokens, and neighbouring tokens are merged by rank (bpe_merges.h).
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/tokenizer/added_tokens.h"
#include "core/tokenizer/bpe_merges.h"
#include "core/tokenizer/tokenizer.h"
#include "core/tokenizer/vocabulary.h"

namespace filigree::data {

struct BpeOptions {
  Vocabulary vocab;  ///< tokens in the byte alphabet
  std::vector<Merge> merges;
  std::optional<int32_t> unk;     ///< for a byte that the vocabulary lacks; without it such a byte is left out
  bool fuse_unk = false;          ///< one for all such bytes in a row
  bool ignore_merges = false;     ///< a word that is a token is that token, whatever the merges make of it
  bool add_prefix_space = false;  ///< before every stretch of text between added tokens
  bool split_words = true;        ///< use_regex; else such a stretch is one word
  std::vector<AddedToken> added;
  bool split_special = false;  ///< special tokens in a text are plain text
  TokenizerParts parts;
};

class BpeTokenizer final : public Tokenizer {
 public:
  explicit BpeTokenizer(const BpeOptions& options);
  void tokenize(std::string_view text, std::vector<int32_t>& ids) const override;
  /// The bytes of the tokens one after another; an added token with a character outside the byte alphabet is its text.
  std::string decode(std::span<const int32_t> ids, bool skip_special) const override;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  void read_words(const BpeOptions& options);
  void append_part(std::string_view part, std::vector<int32_t>& ids) const;
  void append_word(std::string_view word, std::vector<int32_t>& ids) const;
  void append_merged(std::string_view word, std::vector<int32_t>& ids) const;

  AddedTokenMatcher raw_, normalized_;  ///< two passes, though nothing is normalised: the order of matching differs
  MergeTable merges_;
  std::array<int32_t, 256> byte_id_{};                                    ///< -1: not in the vocabulary
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> word_;  ///< words that are one token in the end
  TokenTexts texts_;                                                      ///< bytes
  std::optional<int32_t> unk_;
  bool fuse_unk_, add_prefix_space_, split_words_;
};

}  // namespace filigree::data
