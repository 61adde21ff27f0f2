#include "core/checkpoint/content_hash.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "core/checkpoint/safetensors.h"
#include "core/error.h"

namespace filigree::checkpoint {
namespace {

struct FreeState {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};
using HashState = std::unique_ptr<XXH3_state_t, FreeState>;

/// Calls consume(bytes, size) for the whole file, piece by piece; returns its size.
template <class Consume>
uint64_t read_through(const std::string& path, const Consume& consume) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw DataError(fmt::format("{}: cannot be opened: {}", path, std::strerror(errno)));
  std::vector<char> buffer(size_t{1} << 20);
  uint64_t total = 0;
  ssize_t size = 0;
  while ((size = ::read(fd, buffer.data(), buffer.size())) != 0) {
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) break;
    consume(buffer.data(), static_cast<size_t>(size));
    total += static_cast<uint64_t>(size);
  }
  const int code = errno;
  ::close(fd);
  if (size < 0) throw DataError(fmt::format("{}: cannot be read: {}", path, std::strerror(code)));
  return total;
}

}  // namespace

std::string hash_text(std::string_view bytes) {
  return fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
}

FileHash hash_file(const std::string& path) {
  const HashState state(XXH3_createState());
  XXH3_64bits_reset(state.get());
  const uint64_t bytes =
      read_through(path, [&](const char* data, size_t size) { XXH3_64bits_update(state.get(), data, size); });
  return {bytes, fmt::format("{:016x}", XXH3_64bits_digest(state.get()))};
}

std::string content_hash(const std::string& model_dir) {
  auto files = SafetensorsReader::open(model_dir).files();
  std::sort(files.begin(), files.end());
  const HashState state(XXH3_createState());
  XXH3_128bits_reset(state.get());
  for (const auto& file : files)
    read_through(file, [&](const char* data, size_t size) { XXH3_128bits_update(state.get(), data, size); });
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return fmt::format("xxh3:{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace filigree::checkpoint
