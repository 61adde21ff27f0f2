#include "core/files/staged_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>  // renameat2
#include <cstring>

#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/ownership.h"

namespace filigree::files {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = ".tmp-export-";
constexpr int kMostNames = 1000;

[[noreturn]] void refuse_occupied(const fs::path& dir, const char* when) {
  throw UsageError(
      fmt::format("{}: is not empty{}, and an export overwrites nothing; choose a new directory", dir.string(), when));
}

fs::file_type type_of(const fs::path& path) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type();
}

void check_target(const fs::path& target, bool may_hold_files) {
  const fs::file_type type = type_of(target);
  if (type == fs::file_type::not_found) return;
  if (type == fs::file_type::symlink)
    throw UsageError(fmt::format("{}: is a symbolic link; choose a new directory for the export", target.string()));
  if (type != fs::file_type::directory)
    throw UsageError(fmt::format("{}: is a file, not a directory", target.string()));
  if (!may_hold_files && !fs::is_empty(target)) refuse_occupied(target, "");
}

std::string prefix_for(const fs::path& target) { return fmt::format("{}{}.", kPrefix, target.filename().string()); }

/// wait: wait for the lock. Another process may hold it briefly while it looks for leftovers.
Descriptor locked(const fs::path& dir, bool wait) {
  const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  Descriptor lock(fd);
  if (fd < 0 || ::flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB) != 0) return Descriptor();
  return lock;
}

/// Removes what killed exports to the same target left: directories with a marker whose lock nobody holds.
void remove_leftovers(const fs::path& target) {
  const std::string prefix = prefix_for(target);
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(target.parent_path(), problem)) {
    if (!entry.path().filename().string().starts_with(prefix) || type_of(entry.path()) != fs::file_type::directory)
      continue;
    const Descriptor lock = locked(entry.path(), /*wait=*/false);
    if (lock.get() < 0 || !is_marked(entry.path().string(), DirectoryKind::model_export)) continue;
    std::error_code ignored;
    fs::remove_all(entry.path(), ignored);
  }
}

fs::path make_temporary(const fs::path& target) {
  std::error_code problem;
  fs::create_directories(target.parent_path(), problem);
  for (int number = 0; !problem && number < kMostNames; ++number) {
    const fs::path path = target.parent_path() / fmt::format("{}{}-{}", prefix_for(target), ::getpid(), number);
    if (::mkdir(path.c_str(), 0777) == 0) return path;
    if (errno != EEXIST) problem = std::error_code(errno, std::generic_category());
  }
  throw DataError(fmt::format("{}: cannot be created: {}", target.string(), problem.message()));
}

}  // namespace

StagedDirectory::StagedDirectory(const std::string& dir, Existing existing) : existing_(existing) {
  target_ = fs::absolute(dir).lexically_normal();
  if (!target_.has_filename()) target_ = target_.parent_path();  // "dir/" names dir
  check_target(target_, existing == Existing::replace);
  remove_leftovers(target_);
  temporary_ = make_temporary(target_);
  lock_ = locked(temporary_, /*wait=*/true);  // before the marker: a directory without a marker is never removed
  write_marker(temporary_.string(), DirectoryKind::model_export);
}

StagedDirectory::~StagedDirectory() {
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
}

std::optional<std::string> StagedDirectory::commit() {
  seal_export(temporary_.string());
  sync_directory(temporary_.string());
  std::optional<std::string> kept;
  if (existing_ == Existing::replace && type_of(target_) != fs::file_type::not_found)
    kept = replace();
  else
    put_in_place();
  sync_directory(target_.parent_path().string());
  return kept;
}

/// rename() replaces an empty directory and nothing else.
void StagedDirectory::put_in_place() {
  if (::rename(temporary_.c_str(), target_.c_str()) == 0) return;
  if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
    refuse_occupied(target_, " any more (another process wrote to it meanwhile)");
  throw DataError(fmt::format("{}: cannot be written: {}", target_.string(), std::strerror(errno)));
}

std::optional<std::string> StagedDirectory::replace() {
  const bool directory = type_of(target_) == fs::file_type::directory;
  if (directory && fs::is_empty(target_)) {
    put_in_place();
    return std::nullopt;
  }
  if (!directory || !is_untouched_export(target_.string())) {
    std::string kept = set_aside(target_.string());
    put_in_place();
    return kept;
  }
  // After the exchange the old export has the temporary name, which the destructor removes.
  if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) == 0) return std::nullopt;
  const std::string old = set_aside(target_.string());  // the file system does not support the exchange
  put_in_place();
  std::error_code ignored;
  fs::remove_all(old, ignored);
  return std::nullopt;
}

}  // namespace filigree::files
