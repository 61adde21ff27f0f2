#include "core/tokenizer/vocabulary.h"

#include <algorithm>

namespace filigree::data {

int64_t ids_needed(const Vocabulary& vocab, const std::vector<AddedToken>& added) {
  int32_t largest = -1;
  for (const auto& [token, id] : vocab) largest = std::max(largest, id);
  for (const AddedToken& token : added) largest = std::max(largest, token.id);
  return int64_t{largest} + 1;
}

std::vector<int32_t> all_special_ids(const SpecialIds& special, const std::vector<AddedToken>& added) {
  std::vector<int32_t> ids;
  for (const AddedToken& token : added)
    if (token.special) ids.push_back(token.id);
  const SpecialIds& s = special;
  for (const int32_t id : {s.unk, s.cls, s.sep, s.pad, s.mask, s.bos, s.eos})
    if (id >= 0) ids.push_back(id);
  return ids;
}

std::unordered_set<std::string> special_contents(const std::vector<AddedToken>& added) {
  std::unordered_set<std::string> contents;
  for (const AddedToken& token : added)
    if (token.special) contents.insert(token.content);
  return contents;
}

}  // namespace filigree::data
