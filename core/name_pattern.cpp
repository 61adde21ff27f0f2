#include "core/name_pattern.h"

#include <algorithm>

namespace filigree {

std::vector<std::string_view> words_of(std::string_view name) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    parts.push_back(name.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

bool names(const std::string& target, const std::string& name) {
  const auto wanted = words_of(target), have = words_of(name);
  if (target.empty() || wanted.size() > have.size()) return false;
  return std::equal(wanted.rbegin(), wanted.rend(), have.rbegin(),
                    [](std::string_view a, std::string_view b) { return a == "*" || a == b; });
}

}  // namespace filigree
