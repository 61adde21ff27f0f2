#include "core/files/run_directory.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/ownership.h"

namespace filigree::files {
namespace {

namespace fs = std::filesystem;

/// A temporary file of the marker, present while another process creates the run.
bool is_unfinished_marker(const std::string& name) { return name.starts_with(".tmp-" + std::string(kMarkerName)); }

/// A run directory of the layout that did not have markers yet.
bool looks_like_an_old_run(const std::vector<std::string>& names) {
  const auto has = [&](const char* name) { return std::ranges::find(names, name) != names.end(); };
  return has(run_names::kLock) && has(run_names::kRecipe) && has(run_names::kCheckpoints);
}

void refuse_foreign(const std::string& path) {
  std::vector<std::string> names = entries_of(path);
  std::erase_if(names, is_unfinished_marker);
  std::erase(names, "lost+found");  // the directory is a mount point
  if (names.empty()) return;
  const std::string hint =
      looks_like_an_old_run(names)
          ? fmt::format(
                "\nIf it is a run of an older filigree, mark it: echo '{{\"filigree\":\"run\",\"version\":1}}' > {}/{}",
                path, kMarkerName)
          : "";
  throw UsageError(
      fmt::format("--out {}: is not empty and is not a run of filigree; it contains {}. Choose a new directory{}", path,
                  listed(names), hint));
}

[[noreturn]] void fail_at_link(const std::string& path) {
  throw DataError(fmt::format(
      "{}: is a symbolic link, and links in a run directory are not followed for writing; remove it, or choose another "
      "--out (which may itself be a link)",
      path));
}

void refuse_links(const std::string& run) {
  for (const char* name : run_names::kVisible) {
    const std::string path = RunPaths(run).at(name);
    std::error_code ignored;
    if (fs::is_symlink(fs::symlink_status(path, ignored))) fail_at_link(path);
  }
}

[[noreturn]] void fail_at_file(const std::string& path) {
  throw DataError(fmt::format(
      "{}: is a file, but filigree needs a directory of this name; move it away, or choose another --out", path));
}

/// Of the directories that later stages write.
void refuse_files(const std::string& run) {
  for (const char* name : {run_names::kPlans, run_names::kCache}) {
    const std::string path = RunPaths(run).at(name);
    std::error_code ignored;
    if (fs::exists(path, ignored) && !fs::is_directory(path, ignored)) fail_at_file(path);
  }
}

/// Two runs may start in the same directory at once; the lock decides between them, not the marker.
void mark(const std::string& path) {
  try {
    write_marker(path, DirectoryKind::run);
  } catch (const DataError&) {
    if (!is_marked(path, DirectoryKind::run)) throw;
  }
}

/// Creates and marks the directory if needed; returns `path` if filigree may write to it.
std::string claimed(const std::string& path) {
  std::error_code problem;
  if (fs::is_symlink(fs::symlink_status(path, problem)) && !fs::exists(path, problem))
    throw UsageError(
        fmt::format("--out {}: is a link to {}, which does not exist; create that directory, or choose "
                    "another --out",
                    path, fs::read_symlink(path, problem).string()));
  if (fs::exists(path, problem) && !fs::is_directory(path, problem))
    throw UsageError(fmt::format("--out {}: is a file, not a directory; choose another --out", path));
  fs::create_directories(path, problem);
  if (problem)
    throw DataError(fmt::format("--out {}: cannot be created: {}; choose another --out", path, problem.message()));
  if (!read_marker(path, DirectoryKind::run)) {
    refuse_foreign(path);
    mark(path);
  }
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
  std::string path = at(name);
  if (::mkdir(path.c_str(), 0777) == 0) return path;
  if (errno != EEXIST) throw DataError(fmt::format("{}: cannot be created: {}", path, std::strerror(errno)));
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return path;
  if (S_ISLNK(info.st_mode)) fail_at_link(path);
  fail_at_file(path);
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
