#pragma once
// Text -> token ids. A derived class tokenizes one text (tokenize); Tokenizer does what all kinds share: the
// special tokens around one text or a pair (Template), truncation, and encoding many texts at once. The kinds
// are WordPiece (wordpiece.h) and byte-level BPE (bpe.h). To add a kind, derive from Tokenizer and extend
// load_tokenizer().
//
// Tests check that ids, type_ids and decoded texts equal those of the `tokenizers` package for the same files
// or, where tokenizer_class.h finds a class of transformers 5, those of AutoTokenizer. Only the direction is
// used from the truncation section of a tokenizer.json; padding and decoder are ignored: the caller gives
// max_length, nothing is padded, and each kind has one decoder. Text is UTF-8; a byte that is not UTF-8 reads
// as U+FFFD.
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace filigree::data {

/// The largest type id that a template may contain; models have one or two types.
constexpr int32_t kMaxTypeId = 255;

struct Encoding {
  std::vector<int32_t> ids;
  std::vector<int32_t> type_ids;  ///< of each token, at most kMaxTypeId
};

/// One text, or a pair.
struct TextPair {
  std::string_view a;
  std::optional<std::string_view> b;
};

/// A part of a template: special tokens, text A or text B.
struct TemplatePiece {
  enum class Kind { tokens, a, b };
  Kind kind = Kind::tokens;
  std::vector<int32_t> ids;  ///< for Kind::tokens
  int32_t type_id = 0;
};
struct Template {
  std::vector<TemplatePiece> single, pair;
};

/// Ids of the special tokens; -1: not in the vocabulary. BERT has no bos and eos, GPT-2 only those and unk.
struct SpecialIds {
  int32_t unk = -1, cls = -1, sep = -1, pad = -1, mask = -1, bos = -1, eos = -1;
};

/// The options that every kind of tokenizer has.
struct TokenizerParts {
  Template around;
  SpecialIds special;
  bool truncate_left = false;  ///< truncation_side: left; truncation removes the first tokens
};

class Tokenizer {
 public:
  static constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

  virtual ~Tokenizer() = default;

  /// Appends the tokens of one text, without special tokens and without truncation.
  virtual void tokenize(std::string_view text, std::vector<int32_t>& ids) const = 0;

  /// The text of the tokens, with special tokens unless skip_special; skips ids without a token. Bytes that
  /// are not UTF-8, such as part of a character, become U+FFFD, as with errors="replace" in Python.
  virtual std::string decode(std::span<const int32_t> ids, bool skip_special) const = 0;

  /// Adds special tokens and truncates to max_length tokens in total. The longer text of a pair is truncated
  /// first ("longest_first"), at its end or, with truncation_side left, at its start. Throws UsageError if
  /// max_length is less than the number of special tokens.
  Encoding encode(std::string_view text, int64_t max_length = kNoLimit) const {
    return encode(TextPair{text, {}}, max_length);
  }
  Encoding encode(const TextPair& text, int64_t max_length = kNoLimit) const;

  /// The same for many texts, on ATen's threads; keeps the order.
  std::vector<Encoding> encode_batch(const std::vector<TextPair>& texts, int64_t max_length = kNoLimit) const;

  int64_t vocab_size() const { return vocab_size_; }  ///< largest id + 1
  const SpecialIds& special() const { return special_; }
  const std::vector<int32_t>& special_ids() const { return special_ids_; }  ///< all of them, sorted

 protected:
  Tokenizer(const TokenizerParts& parts, std::vector<int32_t> special_ids, int64_t vocab_size);

 private:
  Template template_;
  bool truncate_left_;
  SpecialIds special_;
  std::vector<int32_t> special_ids_;
  int64_t vocab_size_;
};

/// Lengths (a, b) of a pair after "longest_first" truncation to `room` tokens. The shorter text is kept whole
/// while the longer one stays at least as long; otherwise each gets half, and the odd token goes to the
/// longer one (b on a tie).
std::pair<int64_t, int64_t> truncate_longest_first(int64_t a, int64_t b, int64_t room);

/// The tokenizer of a model directory, read from the first of these that exists (for a BPE class, vocab.json
/// comes before vocab.txt):
///   tokenizer.json           model.type WordPiece, or byte-level BPE (GPT-2, RoBERTa)
///   vocab.txt                WordPiece; ids are line numbers
///   vocab.json, merges.txt   byte-level BPE; the class (GPT-2 or RoBERTa) names the special tokens
/// As in transformers 5, RoBERTa's `<mask>` includes the space before it only if a file sets lstrip.
/// tokenizer_config.json, special_tokens_map.json and added_tokens.json beside them are read as in
/// transformers 5. Throws DataError with the file and the line or key if a file is missing, malformed or of
/// an unsupported kind.
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& model_dir);

/// Whether the directory has one of these files.
bool has_tokenizer(const std::string& model_dir);

}  // namespace filigree::data
