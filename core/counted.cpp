#include "core/counted.h"

#include <algorithm>
#include <array>

namespace filigree {

std::string plural_of(std::string_view noun, std::string_view plural) {
  if (!plural.empty()) return std::string(plural);
  constexpr std::array<std::string_view, 4> kHissing{"s", "x", "ch", "sh"};
  const bool hisses =
      std::any_of(kHissing.begin(), kHissing.end(), [&](std::string_view end) { return noun.ends_with(end); });
  return std::string(noun) + (hisses ? "es" : "s");
}

}  // namespace filigree
