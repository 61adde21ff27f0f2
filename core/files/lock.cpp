#include "core/files/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "core/files/run_paths.h"

namespace filigree::files {
namespace {

std::string this_process() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return fmt::format("process {} on {}", ::getpid(), host.data());
}

std::string read_text(int fd) {
  std::array<char, 512> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  return std::string(text.data(), size > 0 ? static_cast<size_t>(size) : 0);
}

}  // namespace

RunLock::RunLock(const std::string& run_dir, const std::string& noun, const std::string& flag) {
  const std::string path = RunPaths(run_dir).lock();
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  if (fd_ < 0)
    throw DataError(fmt::format("{}: cannot be opened for writing: {}; choose another {}", path,
                                errno == ELOOP ? "it is a symbolic link" : std::strerror(errno), flag));
  struct stat info {};
  if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd_);
    throw DataError(fmt::format("{}: is not a regular file; remove it", path));
  }
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    const int code = errno;
    const std::string holder = read_text(fd_);
    ::close(fd_);
    if (code != EWOULDBLOCK)
      throw DataError(fmt::format("{}: cannot be locked: {}; choose an {} on a file system that supports locks", path,
                                  std::strerror(code), flag));
    throw UsageError(fmt::format("{}: another {} is writing here ({}); wait for it, stop it, or choose another {}",
                                 run_dir, noun, holder.empty() ? "unknown process" : holder, flag));
  }
  // Only for the message of a second run; the lock works without it.
  const std::string text = this_process();
  if (::ftruncate(fd_, 0) == 0) [[maybe_unused]]
    const ssize_t written = ::pwrite(fd_, text.data(), text.size(), 0);
}

RunLock::~RunLock() { ::close(fd_); }

}  // namespace filigree::files
