#include "core/nn/load_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "core/counted.h"
#include "core/error.h"

namespace filigree::nn {
namespace {

constexpr size_t kShown = 4;

}  // namespace

void refuse_adapter(const std::string& dir) {
  std::error_code ignored;
  if (const auto file = std::filesystem::path(dir) / "adapter_config.json"; std::filesystem::exists(file, ignored))
    throw DataError(
        fmt::format("{}: is an adapter of the peft package; set model.path to its base model and model.init_lora to "
                    "this directory, or merge the two with peft's merge_and_unload()",
                    file.string()));
}

std::string short_list(const std::vector<std::string>& names) {
  const std::vector<std::string> shown(names.begin(), names.begin() + std::min(names.size(), kShown));
  const std::string list = fmt::format("{}", fmt::join(shown, ", "));
  return names.size() <= kShown ? list : fmt::format("{} and {} more", list, names.size() - kShown);
}

std::vector<std::string> describe(const LoadReport& report, const std::string& path) {
  std::vector<std::string> lines;
  for (const std::string& note : report.notes) lines.push_back(fmt::format("{}: {}", path, note));
  if (!report.newly_initialized.empty())
    lines.push_back(fmt::format("{}: newly initialized, because they are not in the weights: {} ({})", path,
                                counted(report.newly_initialized.size(), "parameter"),
                                short_list(report.newly_initialized)));
  if (!report.unused.empty())
    lines.push_back(fmt::format("{}: not used by this model: {} of the weights ({})", path,
                                counted(report.unused.size(), "tensor"), short_list(report.unused)));
  return lines;
}

}  // namespace filigree::nn
