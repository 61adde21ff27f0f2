#pragma once
// Reads files that a user provides. A pipe or a device is rejected without waiting for it.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "core/error.h"

namespace filigree::files {

/// The file exists, but this process cannot read it: no permission, a disk or network fault, a newer format. Unlike a
/// damaged file it may be intact, so the caller must not skip it.
class Unreadable : public DataError {
 public:
  using DataError::DataError;
};

/// An open file that is closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Opens a regular file for reading and follows symbolic links. DataError names `path` if it does not exist, cannot be
/// opened, or is a directory, a pipe, a socket or a device. Does not block.
Descriptor open_for_reading(const std::string& path);

/// The bytes of a regular file; errors as for open_for_reading().
std::string read_file(const std::string& path);

inline constexpr size_t kAnySize = std::numeric_limits<size_t>::max();

/// The bytes of a regular file, or of a pipe or terminal that this process already holds open (/dev/stdin, /dev/fd/N).
/// DataError also if there are more than `most` bytes.
std::string read_file_or_stream(const std::string& path, size_t most = kAnySize);

/// Reads all of `fd`, at most `most` bytes. `path` is for the message.
std::string read_all(int fd, const std::string& path, size_t most = kAnySize);

}  // namespace filigree::files
