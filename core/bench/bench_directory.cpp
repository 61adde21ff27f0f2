#include "core/bench/bench_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "core/files/directories/own_directory.h"
#include "core/files/disk.h"

namespace filigree::bench {
namespace {

namespace fs = std::filesystem;

const files::DirectoryWords kWords{files::DirectoryKind::bench, "bench", "--output"};
constexpr std::array kFolders{"runs", "results", "logs"};

std::string claimed(const std::string& path) {
  files::claim_own_directory(path, kWords);
  return path;
}

}  // namespace

std::string run_id(const std::string& method, int64_t seed) { return fmt::format("{}-seed{}", method, seed); }

bool check_output(const std::string& path) { return files::check_own_directory(path, kWords); }

std::optional<SavedRun> saved_run(const BenchPaths& paths, const std::string& id) {
  const std::string path = paths.saved(id);
  std::error_code ignored;
  if (fs::symlink_status(path, ignored).type() == fs::file_type::not_found) return std::nullopt;
  return read_saved_run(path);
}

std::vector<std::string> other_runs(const BenchPaths& paths, const std::vector<std::string>& ids) {
  std::vector<std::string> others;
  std::error_code problem;
  for (fs::directory_iterator it(paths.at("results"), problem), end; !problem && it != end; it.increment(problem)) {
    const std::string id = it->path().stem().string();
    if (it->path().extension() == ".json" && !id.starts_with('.') && std::ranges::find(ids, id) == ids.end())
      others.push_back(id);
  }
  std::ranges::sort(others);
  return others;
}

BenchDirectory::BenchDirectory(const std::string& path)
    : BenchPaths(claimed(path)), lock_(path, kWords.noun, kWords.flag) {
  for (const char* folder : kFolders) files::own_folder(path, folder, kWords);
  for (const char* name : {kTable, kSummary, kRuns, kPlot}) files::remove_leftovers_of(at(name));
}

}  // namespace filigree::bench
