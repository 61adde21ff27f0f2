#pragma once
// Child-Tuning (Xu et al. 2021, arXiv 2109.05687): all parameters have gradients, but only some entries of the layers are
// updated. Variant d: those with the largest Fisher information, chosen once before the first step. Variant f: entries drawn
// anew in each step; the gradients of those drawn are divided by the share.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/adapt/update_masks.h"
#include "core/enum_names.h"
#include "core/recipe/recipe.h"

namespace filigree::adapt {

enum class ChildVariant { d, f };
constexpr std::array<EnumName<ChildVariant>, 2> enum_names(ChildVariant) {
  return {{{ChildVariant::d, "d"}, {ChildVariant::f, "f"}}};
}

struct ChildTuningOptions : recipe::MethodOptions {
  ChildVariant variant = ChildVariant::d;
  double share = 0.3;
  int64_t batches = 100;
  double fisher_clip = 1.0;
  Unselected unselected = Unselected::drift;
  std::vector<std::string> freeze;
  void describe(recipe::Schema& schema) override;
};

void add_child_tuning(Registry& registry);

}  // namespace filigree::adapt
