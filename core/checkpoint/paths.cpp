#include "core/checkpoint/paths.h"

#include <fmt/format.h>

#include <charconv>

namespace filigree::checkpoint {

std::string directory_name(int64_t step) { return fmt::format("{}{:08}", kStepPrefix, step); }

std::optional<int64_t> step_of(const std::string& name) {
  if (!name.starts_with(kStepPrefix)) return std::nullopt;
  int64_t step = 0;
  const char* begin = name.data() + kStepPrefix.size();
  const char* end = name.data() + name.size();
  const auto [stop, problem] = std::from_chars(begin, end, step);
  if (problem != std::errc() || stop != end || step < 0) return std::nullopt;
  return step;
}

}  // namespace filigree::checkpoint
