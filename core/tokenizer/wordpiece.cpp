#include "core/tokenizer/wordpiece.h"

#include <algorithm>
#include <bit>

#include "core/error.h"

namespace filigree::data {
namespace {

size_t total_bytes(const Vocabulary& vocab) {
  size_t bytes = 0;
  for (const auto& [token, id] : vocab) bytes += token.size();
  return bytes;
}

/// The tokens to match in raw text or, with `normalized` and normalized content, in normalized text.
std::vector<AddedToken> select(const std::vector<AddedToken>& tokens, bool normalized,
                               const BertNormalizer& normalizer) {
  std::vector<AddedToken> out;
  for (AddedToken token : tokens) {
    if (token.normalized != normalized) continue;
    if (normalized) token.content = normalizer.normalize(token.content);
    out.push_back(std::move(token));
  }
  return out;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

/// The clean-up of the `tokenizers` package: removes the space before punctuation and English contractions.
void clean_up(std::string& piece) {
  constexpr std::pair<std::string_view, std::string_view> kChanges[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kChanges) replace_all(piece, from, to);
}

}  // namespace

PieceTree::PieceTree(size_t bytes_expected) : id_(2, -1) {
  const size_t size = std::bit_ceil(std::max<size_t>(64, bytes_expected * 2));
  edges_.resize(size);
  shift_ = 64 - std::countr_zero(size);
}

size_t PieceTree::slot(uint32_t key) const {
  size_t i = static_cast<size_t>((key * 0x9e3779b97f4a7c15ULL) >> shift_);
  while (edges_[i].key != key && edges_[i].key != kFree) i = (i + 1) & (edges_.size() - 1);
  return i;
}

void PieceTree::add(Root root, std::string_view piece, int32_t id) {
  uint32_t node = root;
  for (const char c : piece) {
    const uint32_t key = node << 8 | static_cast<uint8_t>(c);
    Edge& edge = edges_[slot(key)];
    if (edge.key == kFree) {
      FG_CHECK(id_.size() < kMaxNodes && id_.size() * 2 < edges_.size() + 4, "{} nodes", id_.size());
      edge = {key, static_cast<uint32_t>(id_.size())};
      id_.push_back(-1);
    }
    node = edge.node;
  }
  id_[node] = id;
}

std::pair<int32_t, size_t> PieceTree::longest(Root root, std::string_view text) const {
  std::pair<int32_t, size_t> best{-1, 0};
  uint32_t node = root;
  for (size_t i = 0; i < text.size(); ++i) {
    const Edge& edge = edges_[slot(node << 8 | static_cast<uint8_t>(text[i]))];
    if (edge.key == kFree) break;
    node = edge.node;
    if (id_[node] >= 0) best = {id_[node], i + 1};
  }
  return best;
}

WordPieceTokenizer::WordPieceTokenizer(const WordPieceOptions& options)
    : Tokenizer(options.parts, all_special_ids(options.parts.special, options.added),
                ids_needed(options.vocab, options.added)),
      normalizer_(options.normalizer),
      raw_(select(options.added, false, normalizer_), options.split_special),
      normalized_(select(options.added, true, normalizer_), options.split_special),
      tree_(2 * total_bytes(options.vocab)),
      prefix_(options.prefix),
      unk_(options.unk),
      max_word_(options.max_word) {
  const auto special = special_contents(options.added);
  for (const auto& [token, id] : options.vocab) {
    if (!token.empty()) tree_.add(PieceTree::first, token, id);
    if (token.size() > options.prefix.size() && token.starts_with(options.prefix))
      tree_.add(PieceTree::continuing, std::string_view(token).substr(options.prefix.size()), id);
    texts_.set(id, token, special.contains(token));
  }
  for (const AddedToken& token : options.added) {
    const std::string text = token.normalized ? normalizer_.normalize(token.content) : token.content;
    texts_.set(token.id, text, special.contains(text));
  }
}

void WordPieceTokenizer::append_word(std::string_view word, size_t characters, std::vector<int32_t>& ids) const {
  if (characters > max_word_) {
    ids.push_back(unk_);
    return;
  }
  const size_t start = ids.size();
  auto root = PieceTree::first;
  while (!word.empty()) {
    const auto [id, bytes] = tree_.longest(root, word);
    if (id < 0) {
      ids.resize(start);
      ids.push_back(unk_);
      return;
    }
    ids.push_back(id);
    word.remove_prefix(bytes);
    root = PieceTree::continuing;
  }
}

void WordPieceTokenizer::tokenize_piece(std::string_view text, BertNormalizer::Buffers& buffers,
                                        std::vector<int32_t>& ids) const {
  auto word = [&](std::string_view bytes, size_t characters) { append_word(bytes, characters, ids); };
  if (normalized_.empty()) {
    normalizer_.split(text, buffers, word);
    return;
  }
  normalized_.split(
      normalizer_.normalize(text),
      [&](std::string_view part) {
        buffers.text.clear();
        for (size_t i = 0; i < part.size();) buffers.text.push_back(unicode::next(part, i));
        BertNormalizer::split_words(buffers.text, buffers.word, word);
      },
      [&](int32_t id) { ids.push_back(id); });
}

void WordPieceTokenizer::tokenize(std::string_view text, std::vector<int32_t>& ids) const {
  BertNormalizer::Buffers buffers;
  raw_.split(
      text, [&](std::string_view part) { tokenize_piece(part, buffers, ids); }, [&](int32_t id) { ids.push_back(id); });
}

std::string WordPieceTokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string out, piece;
  bool first = true;
  for (const int32_t id : ids) {
    const std::string* token = texts_.find(id, skip_special);
    if (token == nullptr) continue;
    const bool continuing = !first && token->starts_with(prefix_);
    piece.clear();
    if (!first && !continuing) piece.push_back(' ');
    piece += continuing ? std::string_view(*token).substr(prefix_.size()) : std::string_view(*token);
    clean_up(piece);
    out += piece;
    first = false;
  }
  return out;
}

}  // namespace filigree::data
