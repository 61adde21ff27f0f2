#pragma once
// Byte-level BPE as in GPT-2 and RoBERTa: the text is cut into words (byte_level.h), each byte of a word
// becomes a token, and neighboring tokens are merged by rank (bpe_merges.h).
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
  std::optional<int32_t> unk;     ///< for a byte that the vocabulary lacks; unset: drop such a byte
  bool fuse_unk = false;          ///< one unk for a run of such bytes
  bool ignore_merges = false;     ///< a word that is itself a token becomes that token, without merging
  bool add_prefix_space = false;  ///< a space before each text between added tokens, unless it starts with one
  bool split_words = true;        ///< use_regex; otherwise such a text is one word
  std::vector<AddedToken> added;
  bool split_special = false;  ///< treat special tokens in a text as plain text
  TokenizerParts parts;
};

class BpeTokenizer final : public Tokenizer {
 public:
  explicit BpeTokenizer(const BpeOptions& options);
  void tokenize(std::string_view text, std::vector<int32_t>& ids) const override;
  /// The concatenated bytes of the tokens; an added token outside the byte alphabet gives its text.
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

  AddedTokenMatcher raw_, normalized_;  ///< two passes, which set the order of matching; nothing is normalized
  MergeTable merges_;
  std::array<int32_t, 256> byte_id_{};                                    ///< -1: not in the vocabulary
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> word_;  ///< words that become a single token
  TokenTexts texts_;                                                      ///< as bytes
  std::optional<int32_t> unk_;
  bool fuse_unk_, add_prefix_space_, split_words_;
};

}  // namespace filigree::data
