#include "core/safetensors/check_finite.h"

#include <fmt/format.h>

#include <cmath>

#include "core/error.h"

namespace filigree::checkpoint {

void check_finite(const at::Tensor& values, const std::string& file, const std::string& tensor) {
  // One pass over the values; a sum of finite numbers may overflow, so that they are looked at again.
  if (std::isfinite(values.sum().item<float>()) || values.isfinite().all().item<bool>()) return;
  throw DataError(
      fmt::format("{}: tensor '{}' contains NaN or infinity: the file is damaged; replace it", file, tensor));
}

}  // namespace filigree::checkpoint
