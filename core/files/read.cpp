#include "core/files/read.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace filigree::files {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw DataError(fmt::format("{}: {}", path, reason));
}

void require_regular(int fd, const std::string& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) refuse(path, fmt::format("cannot be read: {}", std::strerror(errno)));
  if (S_ISREG(info.st_mode)) return;
  if (S_ISDIR(info.st_mode)) refuse(path, "is a directory; a file is expected");
  refuse(path, "is a pipe, a socket or a device; a regular file is expected");
}

bool is_open_stream(const std::string& path) { return path == "/dev/stdin" || path.starts_with("/dev/fd/"); }

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Descriptor open_for_reading(const std::string& path) {
  // Without O_NONBLOCK, opening a pipe waits for its writer.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0 && (errno == ENOENT || errno == ENOTDIR)) refuse(path, "there is no such file");
  if (file.get() < 0) throw Unreadable(fmt::format("{}: cannot be opened: {}", path, std::strerror(errno)));
  require_regular(file.get(), path);
  return file;
}

std::string read_all(int fd, const std::string& path, size_t most) {
  std::string text;
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw Unreadable(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
    if (size == 0) return text;
    if (text.size() + static_cast<size_t>(size) > most) refuse(path, fmt::format("is larger than {} bytes", most));
    text.append(buffer.data(), static_cast<size_t>(size));
  }
}

std::string read_file(const std::string& path) { return read_all(open_for_reading(path).get(), path); }

std::string read_file_or_stream(const std::string& path, size_t most) {
  if (!is_open_stream(path)) return read_all(open_for_reading(path).get(), path, most);
  const Descriptor stream(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (stream.get() < 0) refuse(path, fmt::format("cannot be opened: {}", std::strerror(errno)));
  return read_all(stream.get(), path, most);
}

}  // namespace filigree::files
