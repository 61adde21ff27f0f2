#include "launch/version.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/version.h>

#include "dist/factory.h"

namespace filigree::launch {

std::string version_text() {
  return fmt::format("filigree {}\nLibTorch {}\nbackends: {}\n", kVersion, TORCH_VERSION,
                     fmt::join(dist::available_backends(), ", "));
}

}  // namespace filigree::launch
