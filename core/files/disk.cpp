#include "core/files/disk.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>
#include <vector>

#include "core/error.h"
#include "core/files/read.h"

namespace filigree::files {
namespace {

[[noreturn]] void fail(const std::string& path, const char* what, int code) {
  throw DataError(fmt::format("{}: {}: {}", path, what, std::strerror(code)));
}

[[noreturn]] void fail_to_write(const std::string& path, int code) {
  const bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
  throw DataError(fmt::format("{}: cannot be written: {}{}", path, std::strerror(code),
                              full ? ". Free some space, or raise the file size limit (ulimit -f)" : ""));
}

std::string temporary_prefix(const std::filesystem::path& target) {
  return fmt::format(".tmp-{}.", target.filename().string());
}

/// A new name next to `target`, unique to this process: .tmp-NAME.<process>-<number>
std::string temporary_name(const std::filesystem::path& target) {
  static std::atomic<int> number{0};
  const std::string name = fmt::format("{}{}-{}", temporary_prefix(target), ::getpid(), number++);
  ::unlink((target.parent_path() / name).c_str());  // left over from a killed process with the same id
  return (target.parent_path() / name).string();
}

}  // namespace

Descriptor open_for_writing(const std::string& path, int flags) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, 0666));
  if (file.get() < 0 && errno == ELOOP)
    throw DataError(fmt::format("{}: is a symbolic link, which is not followed for writing; remove the link", path));
  if (file.get() < 0) fail(path, "cannot be opened for writing", errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode))
    throw DataError(fmt::format("{}: is not a regular file; move it away", path));
  return file;
}

void write_all(int fd, const std::string& path, std::string_view text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = ::write(fd, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail_to_write(path, errno);
    done += static_cast<size_t>(written);
  }
}

void write_file(const std::string& path, const std::string& text) {
  const Descriptor file = open_for_writing(path, O_TRUNC);
  write_all(file.get(), path, text);
  if (::fsync(file.get()) != 0) fail(path, "cannot be synced to the disk", errno);
}

void copy_file(const std::string& from, const std::string& to) {
  const Descriptor source = open_for_reading(from), target = open_for_writing(to, O_TRUNC);
  std::vector<char> piece(1 << 20);
  while (true) {
    const ssize_t size = ::read(source.get(), piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) fail(from, "cannot be read", errno);
    if (size == 0) break;
    write_all(target.get(), to, {piece.data(), static_cast<size_t>(size)});
  }
  if (::fsync(target.get()) != 0) fail(to, "cannot be synced to the disk", errno);
}

void replace_file(const std::string& path, const std::string& text) {
  const std::filesystem::path target(path);
  const std::string aside = temporary_name(target);
  try {
    const Descriptor file(::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (file.get() < 0) fail(path, "cannot be written", errno);
    write_all(file.get(), path, text);
    if (::fsync(file.get()) != 0) fail(path, "cannot be synced to the disk", errno);
    if (::rename(aside.c_str(), path.c_str()) != 0) fail(path, "cannot be replaced", errno);
  } catch (const DataError&) {
    ::unlink(aside.c_str());
    throw;
  }
  sync_directory(target.parent_path().string());
}

void remove_leftovers_of(const std::string& path) {
  namespace fs = std::filesystem;
  const std::string prefix = temporary_prefix(path);
  std::error_code problem;
  std::vector<fs::path> leftovers;
  for (fs::directory_iterator it(fs::path(path).parent_path(), problem), end; !problem && it != end;
       it.increment(problem)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with(prefix) || fs::symlink_status(it->path()).type() != fs::file_type::regular) continue;
    if (name.find_first_not_of("0123456789-", prefix.size()) == std::string::npos) leftovers.push_back(it->path());
  }
  for (const auto& leftover : leftovers) fs::remove(leftover, problem);
}

void sync_directory(const std::string& path) {
  const Descriptor folder(::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) fail(path, "cannot be opened", errno);
  // Some network file systems cannot sync a directory and return EINVAL; their renames are durable without it.
  if (::fsync(folder.get()) != 0 && errno != EINVAL) fail(path, "cannot be synced to the disk", errno);
}

void ignore_file_size_signal() { std::signal(SIGXFSZ, SIG_IGN); }

uint64_t free_bytes(const std::string& dir) {
  struct statvfs info {};
  if (::statvfs(dir.c_str(), &info) != 0) fail(dir, "its free space cannot be determined", errno);
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

uint64_t file_size_limit() {
  rlimit limit{};
  const bool known = ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return known ? static_cast<uint64_t>(limit.rlim_cur) : std::numeric_limits<uint64_t>::max();
}

std::string format_bytes(uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"KB", "MB", "GB", "TB", "PB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  for (; value >= 999.95 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace filigree::files
