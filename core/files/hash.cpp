#include "core/files/hash.h"

#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "core/error.h"
#include "core/files/read.h"

namespace filigree::files {

std::string hash_text(std::string_view bytes) {
  return fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
}

FileHash hash_file(const std::string& path) {
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(), XXH3_freeState);
  XXH3_64bits_reset(state.get());
  const uint64_t bytes =
      read_through(path, [&](const char* data, size_t size) { XXH3_64bits_update(state.get(), data, size); });
  return {bytes, fmt::format("{:016x}", XXH3_64bits_digest(state.get()))};
}

uint64_t read_through(const std::string& path, const std::function<void(const char*, size_t)>& consume) {
  const Descriptor file = open_for_reading(path);
  std::vector<char> buffer(size_t{1} << 20);
  uint64_t total = 0;
  while (true) {
    const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw Unreadable(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
    if (size == 0) return total;
    consume(buffer.data(), static_cast<size_t>(size));
    total += static_cast<uint64_t>(size);
  }
}

}  // namespace filigree::files
