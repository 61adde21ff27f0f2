#pragma once
// Text -> token ids. A Tokenizer gives the tokens of one text (tokenize); what is the same for all kinds stays here:
// the special tokens around one text or a pair (Template), truncation, and work over many texts at once. WordPiece
// (wordpiece.h) and byte-level BPE (bpe.h) are the kinds; another derives from Tokenizer and gets a line in
// load_tokenizer().
//
// ids and type_ids, and the texts that decode() gives, are equal to those of the `tokenizers` package for the same
// files, by test; where tokenizer_class.h finds a class of transformers 5, they are equal to those of AutoTokenizer, by
// test. Of the truncation section of a tokenizer.json the direction counts; padding and
// decoder are ignored: max_length is the caller's, nothing is padded, and each kind has its one decoder. Text is UTF-8;
// a byte that is not reads as U+FFFD.
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace filigree::data {

/// The largest type id that a template may give; models have one or two types.
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

/// What stands around the texts.
struct TemplatePiece {
  enum class Kind { tokens, a, b };
  Kind kind = Kind::tokens;
  std::vector<int32_t> ids;  ///< of kind tokens
  int32_t type_id = 0;
};
struct Template {
  std::vector<TemplatePiece> single, pair;
};

/// Ids of the special tokens; -1 where the vocabulary has none. BERT has no bos and eos, GPT-2 only those and unk.
struct SpecialIds {
  int32_t unk = -1, cls = -1, sep = -1, pad = -1, mask = -1, bos = -1, eos = -1;
};

/// What every kind of tokenizer has.
struct TokenizerParts {
  Template around;
  SpecialIds special;
  bool truncate_left = false;  ///< truncation_side: left; what is too long loses its first tokens
};

class Tokenizer {
 public:
  static constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

  virtual ~Tokenizer() = default;

  /// Appends the tokens of one text, without special tokens, untruncated.
  virtual void tokenize(std::string_view text, std::vector<int32_t>& ids) const = 0;

  /// The text of tokens, special ones among them unless skip_special; ids that have no token are left out. Bytes that
  /// are not UTF-8, as part of a character may be, become U+FFFD as Python's errors="replace" has it.
  virtual std::string decode(std::span<const int32_t> ids, bool skip_special) const = 0;

  /// With special tokens, at most max_length in all; of a pair the longer text is cut first ("longest_first"), at its
  /// end or, with truncation_side left, at its start. Throws UsageError when max_length is less than the special tokens
  /// alone.
  Encoding encode(std::string_view text, int64_t max_length = kNoLimit) const {
    return encode(TextPair{text, {}}, max_length);
  }
  Encoding encode_pair(std::string_view a, std::string_view b, int64_t max_length = kNoLimit) const {
    return encode(TextPair{a, b}, max_length);
  }
  Encoding encode(const TextPair& text, int64_t max_length = kNoLimit) const;

  /// The same over many texts, on ATen's threads; the order is kept.
  std::vector<Encoding> encode_batch(const std::vector<TextPair>& texts, int64_t max_length = kNoLimit) const;

  int64_t vocab_size() const { return vocab_size_; }  ///< largest id + 1
  const SpecialIds& special() const { return special_; }
  bool is_special(int32_t id) const;
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

/// Lengths (a, b) that "longest_first" leaves of a pair when `room` tokens fit. The shorter text is kept whole as long
/// as the longer one can give way; else each gets half, the odd token going to the longer one (to b on a tie).
std::pair<int64_t, int64_t> truncate_longest_first(int64_t a, int64_t b, int64_t room);

/// The tokenizer of a model directory, read from the first of these that is there:
///   tokenizer.json           model.type WordPiece, or BPE on bytes (GPT-2's and RoBERTa's)
///   vocab.txt                WordPiece; ids are line numbers
///   vocab.json, merges.txt   byte-level BPE; the class, GPT-2's or RoBERTa's, names the special tokens
/// As in transformers 5, RoBERTa's <mask> takes the space before it only if a file says so (lstrip).
/// tokenizer_config.json, special_tokens_map.json and added_tokens.json beside them count as in transformers 5.
/// Throws DataError, naming file and line or key, when a file is missing, malformed or of a kind that filigree does not
/// have.
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& model_dir);

/// Whether the folder has one of these files.
bool has_tokenizer(const std::string& model_dir);

}  // namespace filigree::data
