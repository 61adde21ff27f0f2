#include "core/files/disk.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>

#include "core/error.h"
#include "core/files/read.h"

namespace filigree::files {
namespace {

[[noreturn]] void fail(const std::string& path, const char* what, int code) {
  throw DataError(fmt::format("{}: {}: {}", path, what, std::strerror(code)));
}

void write_all(int fd, const std::string& path, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = ::write(fd, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail(path, "cannot be written", errno);
    done += static_cast<size_t>(written);
  }
}

}  // namespace

void write_file(const std::string& path, const std::string& text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (file.get() < 0) fail(path, "cannot be created", errno);
  write_all(file.get(), path, text);
  if (::fsync(file.get()) != 0) fail(path, "cannot be synced to the disk", errno);
}

void replace_file(const std::string& path, const std::string& text) {
  const std::filesystem::path target(path);
  const std::string aside = (target.parent_path() / (".tmp-" + target.filename().string())).string();
  write_file(aside, text);
  if (::rename(aside.c_str(), path.c_str()) != 0) fail(path, "cannot be replaced", errno);
  sync_directory(target.parent_path().string());
}

void sync_file(const std::string& path) {
  const Descriptor file = open_for_reading(path);
  if (::fsync(file.get()) != 0) fail(path, "cannot be synced to the disk", errno);
}

void sync_directory(const std::string& path) {
  const Descriptor folder(::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) fail(path, "cannot be opened", errno);
  // Some network file systems cannot sync a folder and say EINVAL; their renames are safe by their own means.
  if (::fsync(folder.get()) != 0 && errno != EINVAL) fail(path, "cannot be synced to the disk", errno);
}

void ignore_file_size_signal() { std::signal(SIGXFSZ, SIG_IGN); }

uint64_t free_bytes(const std::string& dir) {
  struct statvfs info {};
  if (::statvfs(dir.c_str(), &info) != 0) fail(dir, "its free space cannot be asked for", errno);
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

uint64_t file_size_limit() {
  rlimit limit{};
  const bool known = ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return known ? static_cast<uint64_t>(limit.rlim_cur) : std::numeric_limits<uint64_t>::max();
}

std::string format_bytes(uint64_t bytes) {
  constexpr std::array<const char*, 5> units{"KB", "MB", "GB", "TB", "PB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  for (; value >= 999.95 && unit + 1 < units.size(); ++unit) value /= 1000;
  return fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace filigree::files
