#pragma once
// The tokens of a tokenizer, as its files list them, and functions on them that every kind uses.
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/tokenizer/added_tokens.h"
#include "core/tokenizer/tokenizer.h"

namespace filigree::data {

using Vocabulary = std::vector<std::pair<std::string, int32_t>>;

/// Largest id + 1.
int64_t ids_needed(const Vocabulary& vocab, const std::vector<AddedToken>& added);

/// The ids of the special added tokens and of all tokens with a role.
std::vector<int32_t> all_special_ids(const SpecialIds& special, const std::vector<AddedToken>& added);

/// The contents of the special added tokens, which decode() omits with skip_special.
std::unordered_set<std::string> special_contents(const std::vector<AddedToken>& added);

/// The text of each id, for decoding.
class TokenTexts {
 public:
  /// Replaces an earlier text of the same id.
  void set(int32_t id, std::string text, bool special) { tokens_[id] = {std::move(text), special}; }

  /// nullptr for an id without a token and, with skip_special, for a special token.
  const std::string* find(int32_t id, bool skip_special) const {
    const auto it = tokens_.find(id);
    return it == tokens_.end() || (skip_special && it->second.special) ? nullptr : &it->second.text;
  }

 private:
  struct Token {
    std::string text;
    bool special = false;
  };
  std::unordered_map<int32_t, Token> tokens_;
};

}  // namespace filigree::data
