#pragma once
// WordPiece as in BERT: the text is cleaned and split into words (bert_normalizer.h), and each word is cut,
// from its start, into the longest pieces in the vocabulary; pieces after the first have a prefix ("##"). A
// word that cannot be cut this way, or has more than max_word characters, is one unknown token.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/tokenizer/added_tokens.h"
#include "core/tokenizer/bert_normalizer.h"
#include "core/tokenizer/tokenizer.h"
#include "core/tokenizer/vocabulary.h"

namespace filigree::data {

/// Prefix tree over the bytes of the vocabulary, with one root for first pieces and one for continuing ones. Edges live
/// in one open-addressed table keyed by (node, byte), so a step is one multiplication and, nearly always, one cache
/// line.
class PieceTree {
 public:
  enum Root : uint32_t { first = 0, continuing = 1 };

  explicit PieceTree(size_t bytes_expected);
  void add(Root root, std::string_view piece, int32_t id);

  /// The longest piece at the start of `text`: {id, length in bytes}; id -1 if there is none.
  std::pair<int32_t, size_t> longest(Root root, std::string_view text) const;

 private:
  struct Edge {
    uint32_t key = kFree, node = 0;
  };
  static constexpr uint32_t kFree = 0xffffffffu;
  static constexpr uint32_t kMaxNodes = 0xffffff;  ///< a node number and a byte share 32 bits
  size_t slot(uint32_t key) const;

  std::vector<Edge> edges_;
  std::vector<int32_t> id_;  ///< by node; -1: no piece ends here
  int shift_ = 0;
};

struct WordPieceOptions {
  Vocabulary vocab;
  std::string prefix = "##";
  int32_t unk = -1;
  size_t max_word = 100;  ///< characters
  BertNormalizerOptions normalizer;
  std::vector<AddedToken> added;
  bool split_special = false;  ///< treat special tokens in a text as plain text
  TokenizerParts parts;
};

class WordPieceTokenizer final : public Tokenizer {
 public:
  explicit WordPieceTokenizer(const WordPieceOptions& options);
  void tokenize(std::string_view text, std::vector<int32_t>& ids) const override;
  /// Puts a space before each token except the first and continuing pieces, whose prefix is removed; then
  /// cleans up spaces before . ? ! , and in contractions, as the WordPiece decoder of the `tokenizers`
  /// package does.
  std::string decode(std::span<const int32_t> ids, bool skip_special) const override;

 private:
  void tokenize_piece(std::string_view text, BertNormalizer::Buffers& buffers, std::vector<int32_t>& ids) const;
  void append_word(std::string_view word, size_t characters, std::vector<int32_t>& ids) const;

  BertNormalizer normalizer_;
  AddedTokenMatcher raw_, normalized_;  ///< added tokens matched before and after normalization
  PieceTree tree_;
  TokenTexts texts_;
  std::string prefix_;
  int32_t unk_;
  size_t max_word_;
};

}  // namespace filigree::data
