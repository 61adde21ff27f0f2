#include "core/parallel/precision.h"

#include <ATen/cpu/Utils.h>

#include <algorithm>

namespace filigree::train {

bool multiplies_bf16(at::Device device) {
  if (!device.is_cpu()) return true;
  const auto capabilities = at::cpu::get_cpu_capabilities();
  const auto has = [&](const char* name) {
    const auto found = capabilities.find(name);
    return found != capabilities.end() && found->second.isBool() && found->second.toBool();
  };
  constexpr const char* kInstructions[] = {"avx512_bf16", "amx_bf16", "bf16", "arm_bf16", "sve_bf16"};
  return std::any_of(std::begin(kInstructions), std::end(kInstructions), has);
}

at::ScalarType choose_precision(recipe::Precision precision, at::Device device) {
  if (precision == recipe::Precision::automatic) return multiplies_bf16(device) ? at::kBFloat16 : at::kFloat;
  return precision == recipe::Precision::bf16 ? at::kBFloat16 : at::kFloat;
}

at::ScalarType scalar_type(recipe::GradDtype type) {
  return type == recipe::GradDtype::bf16 ? at::kBFloat16 : at::kFloat;
}

const char* precision_name(at::ScalarType type) { return type == at::kBFloat16 ? "bf16" : "fp32"; }

}  // namespace filigree::train
