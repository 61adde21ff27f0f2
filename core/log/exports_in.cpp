#include "core/log/exports_in.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/files/json_values.h"
#include "core/files/ownership.h"
#include "core/files/read.h"
#include "core/files/run_paths.h"
#include "core/shown.h"

namespace filigree::files {
namespace {

namespace fs = std::filesystem;

constexpr int kDepth = 8;            // of folders in folders: a name of an export has at most so many parts
constexpr size_t kMostOfName = 200;  // characters

std::string format_of_adapter(const fs::path& file) {
  const auto config = nlohmann::json::parse(read_file(file.string()), nullptr, false);
  return config.is_object() && text_at(config, "peft_type") == "SUPERTUNING" ? "peft_supertuning" : "peft";
}

/// Earlier versions did not write the format into the marker.
std::string format_of_files(const fs::path& dir) {
  std::error_code ignored;
  if (fs::exists(dir / "adapter_config.json", ignored)) return format_of_adapter(dir / "adapter_config.json");
  if (fs::exists(dir / "modeling_filigree.py", ignored)) return "hf_pruned";
  if (dir.filename() == run_names::kFinal) return "filigree";
  const auto config = nlohmann::json::parse(read_file((dir / "config.json").string()), nullptr, false);
  return config.is_object() && config.contains("filigree") ? "filigree" : "hf";
}

std::string format_of(const fs::path& dir) {
  const auto marker = read_marker(dir.string(), DirectoryKind::model_export);
  std::string format = marker ? text_at(*marker, kFormatKey) : "";
  return format.empty() ? format_of_files(dir) : format;
}

bool is_own_folder(const fs::path& name) {
  return std::ranges::any_of(std::array{run_names::kCheckpoints, run_names::kCache, run_names::kPlans},
                             [&](const char* own) { return name == own; });
}

/// A name may not forge lines of a log.
std::string printable(std::string name) {
  std::ranges::replace_if(
      name, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return shown(name, kMostOfName);
}

/// depth: folders that may follow.
void add_below(const fs::path& folder, const fs::path& run_dir, int depth, std::vector<FoundExport>& found) {
  std::error_code problem;
  for (fs::directory_iterator it(folder, problem), end; !problem && it != end; it.increment(problem)) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    if (it->symlink_status(ignored).type() != fs::file_type::directory || name.starts_with('.') ||
        name.find(".kept-") != std::string::npos)
      continue;
    if (is_marked(it->path().string(), DirectoryKind::model_export))
      found.push_back({printable(it->path().lexically_relative(run_dir).string()), format_of(it->path())});
    else if (depth > 0 && (folder != run_dir || !is_own_folder(name)))
      add_below(it->path(), run_dir, depth - 1, found);
  }
}

}  // namespace

std::vector<FoundExport> exports_in(const std::string& run_dir) {
  std::vector<FoundExport> found;
  add_below(run_dir, run_dir, kDepth, found);
  std::ranges::sort(found, {},
                    [](const FoundExport& one) { return std::pair(one.name == run_names::kFinal, one.name); });
  return found;
}

}  // namespace filigree::files
