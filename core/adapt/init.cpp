#include "core/adapt/init.h"

#include <ATen/ops/empty.h>

#include <cmath>

#include "core/error.h"
#include "core/random.h"

namespace filigree::adapt {
namespace {

template <class Draw>
at::Tensor fill(const std::vector<int64_t>& shape, const Draw& draw) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  auto* value = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) value[i] = static_cast<float>(draw(static_cast<uint64_t>(i)));
  return tensor;
}

}  // namespace

at::Tensor normal_values(uint64_t seed, const std::string& name, const std::vector<int64_t>& shape, double std_dev) {
  const uint64_t stream = random::stream(seed, "init", random::hash(name));
  return fill(shape, [&](uint64_t i) { return std_dev * random::normal(stream, i); });
}

at::Tensor kaiming_values(uint64_t seed, const std::string& name, const std::vector<int64_t>& shape) {
  FG_CHECK(shape.size() == 2 && shape[1] > 0, "'{}' has no fan-in", name);
  const uint64_t stream = random::stream(seed, "init", random::hash(name));
  const double bound = 1.0 / std::sqrt(static_cast<double>(shape[1]));  // sqrt(6 / (6 fan_in))
  return fill(shape, [&](uint64_t i) { return bound * (2.0 * random::uniform(stream, i) - 1.0); });
}

}  // namespace filigree::adapt
