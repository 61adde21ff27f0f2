#include "core/files/run_directory.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/error.h"
#include "core/files/directories/own_directory.h"
#include "core/files/disk.h"

namespace filigree::files {
namespace {

namespace fs = std::filesystem;

const DirectoryWords kRun{DirectoryKind::run, "run", "--out"};

void refuse_links(const std::string& run) {
  for (const char* name : run_names::kVisible) {
    const std::string path = RunPaths(run).at(name);
    std::error_code ignored;
    if (fs::is_symlink(fs::symlink_status(path, ignored))) fail_at_link(path, kRun);
  }
}

/// Of the directories that later stages write.
void refuse_files(const std::string& run) {
  for (const char* name : {run_names::kPlans, run_names::kCache}) {
    const std::string path = RunPaths(run).at(name);
    std::error_code ignored;
    if (fs::exists(path, ignored) && !fs::is_directory(path, ignored)) fail_at_file(path, kRun);
  }
}

/// Creates and marks the directory if needed; returns `path` if filigree may write to it.
std::string claimed(const std::string& path) {
  claim_own_directory(path, kRun);
  refuse_links(path);
  refuse_files(path);
  return path;
}

}  // namespace

RunDirectory::RunDirectory(const std::string& path) : path_(claimed(path)), lock_(path) {
  struct stat info {};
  if (::stat(path_.c_str(), &info) != 0)
    throw DataError(fmt::format("{}: cannot be opened: {}", path_, std::strerror(errno)));
  device_ = info.st_dev;
  inode_ = info.st_ino;
  for (const char* name : {run_names::kRecipe, run_names::kMetrics, kMarkerName.data()}) remove_leftovers_of(at(name));
}

std::string RunDirectory::folder(const std::string& name) const {
  require_present();
  return own_folder(path_, name, kRun);
}

void RunDirectory::require_present() const {
  struct stat info {};
  if (::stat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_) return;
  throw DataError(
      fmt::format("{}: the run directory was removed, renamed or replaced while the run was writing to it. If it was "
                  "renamed, start the run again with --out and its new name",
                  path_));
}

}  // namespace filigree::files
