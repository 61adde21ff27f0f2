#include "core/safetensors/content_hash.h"

#include <xxhash.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "core/error.h"
#include "core/files/hash.h"
#include "core/safetensors/safetensors.h"

namespace filigree::checkpoint {
namespace {

struct FreeState {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};
using HashState = std::unique_ptr<XXH3_state_t, FreeState>;

}  // namespace

std::string content_hash(const std::string& model_dir) {
  auto paths = SafetensorsReader::open(model_dir).files();
  std::sort(paths.begin(), paths.end());
  const HashState state(XXH3_createState());
  XXH3_128bits_reset(state.get());
  for (const auto& path : paths)
    files::read_through(path, [&](const char* data, size_t size) { XXH3_128bits_update(state.get(), data, size); });
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return fmt::format("xxh3:{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace filigree::checkpoint
