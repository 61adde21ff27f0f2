#include "core/recipe/range.h"

#include <fmt/format.h>

namespace filigree::recipe {
namespace {

constexpr double kAllWhole = 9223372036854775808.0;  // no upper end other than that of the type

}  // namespace

std::string Range::low_text() const { return fmt::format("{} {}", with_low_ ? "at least" : "above", low_); }
std::string Range::high_text() const { return fmt::format("{} {}", with_high_ ? "at most" : "below", high_); }

std::string Range::missed(double value) const {
  const bool low_kept = with_low_ ? value >= low_ : value > low_;
  if (!low_kept) return low_text();
  const bool high_kept = with_high_ ? value <= high_ : value < high_;
  return high_kept ? "" : high_text();
}

std::string Range::text() const { return high_ >= kAllWhole ? low_text() : low_text() + " and " + high_text(); }

}  // namespace filigree::recipe
