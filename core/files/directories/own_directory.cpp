#include "core/files/directories/own_directory.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "core/error.h"
#include "core/files/run_paths.h"

namespace filigree::files {
namespace {

namespace fs = std::filesystem;

/// A temporary file of the marker, present while another process creates the directory.
bool is_unfinished_marker(const std::string& name) { return name.starts_with(".tmp-" + std::string(kMarkerName)); }

/// A run directory of the layout that did not have markers yet.
bool looks_like_an_old_run(const std::vector<std::string>& names) {
  const auto has = [&](const char* name) { return std::ranges::find(names, name) != names.end(); };
  return has(run_names::kLock) && has(run_names::kRecipe) && has(run_names::kCheckpoints);
}

void refuse_foreign(const std::string& path, const DirectoryWords& words) {
  std::vector<std::string> names = entries_of(path);
  std::erase_if(names, is_unfinished_marker);
  std::erase(names, "lost+found");  // the directory is a mount point
  if (names.empty()) return;
  const std::string hint =
      words.kind == DirectoryKind::run && looks_like_an_old_run(names)
          ? fmt::format(
                "\nIf it is a run of an older filigree, mark it: echo '{{\"filigree\":\"run\",\"version\":1}}' > {}/{}",
                path, kMarkerName)
          : "";
  throw UsageError(
      fmt::format("{} {}: is not empty and is not a {} of filigree; it contains {}. Choose a new "
                  "directory{}",
                  words.flag, path, words.noun, listed(names), hint));
}

/// Two processes may start in the same directory at once; the lock decides between them, not the marker.
void mark(const std::string& path, DirectoryKind kind) {
  try {
    write_marker(path, kind);
  } catch (const DataError&) {
    if (!is_marked(path, kind)) throw;
  }
}

}  // namespace

void fail_at_link(const std::string& path, const DirectoryWords& words) {
  throw DataError(fmt::format(
      "{}: is a symbolic link, and links in a {} directory are not followed for writing; remove it, or choose another "
      "{} (which may itself be a link)",
      path, words.noun, words.flag));
}

void fail_at_file(const std::string& path, const DirectoryWords& words) {
  throw DataError(
      fmt::format("{}: is a file, but filigree needs a directory of this name; move it away, or choose another {}",
                  path, words.flag));
}

bool check_own_directory(const std::string& path, const DirectoryWords& words) {
  std::error_code problem;
  if (fs::is_symlink(fs::symlink_status(path, problem)) && !fs::exists(path, problem))
    throw UsageError(
        fmt::format("{} {}: is a link to {}, which does not exist; create that directory, or choose "
                    "another {}",
                    words.flag, path, fs::read_symlink(path, problem).string(), words.flag));
  if (!fs::exists(path, problem)) return false;
  if (!fs::is_directory(path, problem))
    throw UsageError(fmt::format("{} {}: is a file, not a directory; choose another {}", words.flag, path, words.flag));
  if (read_marker(path, words.kind)) return true;
  refuse_foreign(path, words);
  return false;
}

void claim_own_directory(const std::string& path, const DirectoryWords& words) {
  if (check_own_directory(path, words)) return;
  std::error_code problem;
  fs::create_directories(path, problem);
  if (problem)
    throw DataError(fmt::format("{} {}: cannot be created: {}; choose another {}", words.flag, path, problem.message(),
                                words.flag));
  mark(path, words.kind);
}

std::string own_folder(const std::string& dir, const std::string& name, const DirectoryWords& words) {
  std::string path = dir + "/" + name;
  if (::mkdir(path.c_str(), 0777) == 0) return path;
  if (errno != EEXIST) throw DataError(fmt::format("{}: cannot be created: {}", path, std::strerror(errno)));
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return path;
  if (S_ISLNK(info.st_mode)) fail_at_link(path, words);
  fail_at_file(path, words);
}

}  // namespace filigree::files
