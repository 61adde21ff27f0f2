#include "core/tokenizer/tokenizer.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace filigree::data {
namespace {

int64_t added_by(const std::vector<TemplatePiece>& pieces) {
  int64_t count = 0;
  for (const TemplatePiece& piece : pieces) count += static_cast<int64_t>(piece.ids.size());
  return count;
}

void truncate(std::vector<int32_t>& ids, int64_t keep, bool left) {
  if (left) ids.erase(ids.begin(), ids.end() - keep);
  ids.resize(static_cast<size_t>(keep));
}

}  // namespace

Tokenizer::Tokenizer(const TokenizerParts& parts, std::vector<int32_t> special_ids, int64_t vocab_size)
    : template_(parts.around),
      truncate_left_(parts.truncate_left),
      special_(parts.special),
      special_ids_(std::move(special_ids)),
      vocab_size_(vocab_size) {
  std::sort(special_ids_.begin(), special_ids_.end());
  special_ids_.erase(std::unique(special_ids_.begin(), special_ids_.end()), special_ids_.end());
}

std::pair<int64_t, int64_t> truncate_longest_first(int64_t a, int64_t b, int64_t room) {
  if (a + b <= room) return {a, b};
  int64_t shorter = std::min(a, b);
  int64_t longer = std::max(shorter, room - shorter);
  if (shorter + longer > room) {
    shorter = room / 2;
    longer = shorter + room % 2;
  }
  return a > b ? std::pair{longer, shorter} : std::pair{shorter, longer};
}

Encoding Tokenizer::encode(const TextPair& text, int64_t max_length) const {
  const auto& pieces = text.b ? template_.pair : template_.single;
  const int64_t added = added_by(pieces);
  if (max_length < added)
    throw UsageError(fmt::format("max_length {} is less than the {} special tokens of a {}", max_length, added,
                                 text.b ? "pair" : "text"));
  std::vector<int32_t> a, b;
  tokenize(text.a, a);
  if (text.b) tokenize(*text.b, b);
  const auto [keep_a, keep_b] =
      text.b
          ? truncate_longest_first(static_cast<int64_t>(a.size()), static_cast<int64_t>(b.size()), max_length - added)
          : std::pair{std::min(static_cast<int64_t>(a.size()), max_length - added), int64_t{0}};
  truncate(a, keep_a, truncate_left_);
  truncate(b, keep_b, truncate_left_);

  Encoding out;
  out.ids.reserve(a.size() + b.size() + static_cast<size_t>(added));
  out.type_ids.reserve(out.ids.capacity());
  for (const TemplatePiece& piece : pieces) {
    const auto& ids = piece.kind == TemplatePiece::Kind::a ? a : piece.kind == TemplatePiece::Kind::b ? b : piece.ids;
    out.ids.insert(out.ids.end(), ids.begin(), ids.end());
    out.type_ids.insert(out.type_ids.end(), ids.size(), piece.type_id);
  }
  return out;
}

std::vector<Encoding> Tokenizer::encode_batch(const std::vector<TextPair>& texts, int64_t max_length) const {
  std::vector<Encoding> out(texts.size());
  constexpr int64_t kGrain = 64;
  at::parallel_for(0, static_cast<int64_t>(texts.size()), kGrain, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) out[i] = encode(texts[i], max_length);
  });
  return out;
}

}  // namespace filigree::data
