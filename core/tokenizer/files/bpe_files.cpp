#include "core/tokenizer/files/bpe_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text/text_file.h"
#include "core/tokenizer/byte_level.h"

namespace filigree::data {

Merge find_merge(const std::string& left, const std::string& right, const TokenIds& ids, std::string& fault) {
  auto id_of = [&](const std::string& token) {
    const auto it = ids.find(token);
    if (it != ids.end()) return it->second;
    if (fault.empty()) fault = fmt::format("token '{}' is not in the vocabulary", shown(token));
    return -1;
  };
  return {id_of(left), id_of(right), id_of(left + right)};
}

Merge read_merge(const std::string& line, const TokenIds& ids, std::string& fault) {
  const auto spaces = std::count(line.begin(), line.end(), ' ');
  if (spaces != 1) {
    fault = fmt::format("'{}' is not two tokens separated by one space", shown(line));
    return {};
  }
  const size_t space = line.find(' ');
  return find_merge(line.substr(0, space), line.substr(space + 1), ids, fault);
}

bool lacks_bytes(const TokenIds& ids) {
  const auto& alphabet = byte_level::alphabet();
  return std::any_of(alphabet.begin(), alphabet.end(), [&](const std::string& token) { return !ids.contains(token); });
}

}  // namespace filigree::data
