#include "core/files/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "core/files/disk.h"

namespace filigree::files {
namespace {

int flags_of(AppendFile::Mode mode) { return mode == AppendFile::Mode::create ? O_APPEND | O_EXCL : O_APPEND; }

}  // namespace

AppendFile::AppendFile(const std::string& path, Mode mode)
    : path_(path), file_(open_for_writing(path, flags_of(mode))) {}

void AppendFile::append(std::string_view text) {
  require_present();
  write_all(file_.get(), path_, text);
}

void AppendFile::sync() {
  require_present();
  if (::fsync(file_.get()) != 0)
    throw DataError(fmt::format("{}: cannot be synced to the disk: {}", path_, std::strerror(errno)));
}

void AppendFile::require_present() const {
  struct stat open {
  }, there{};
  if (::fstat(file_.get(), &open) == 0 && ::lstat(path_.c_str(), &there) == 0 && open.st_dev == there.st_dev &&
      open.st_ino == there.st_ino)
    return;
  throw DataError(fmt::format("{}: was removed, renamed or replaced while the run was writing to it", path_));
}

}  // namespace filigree::files
