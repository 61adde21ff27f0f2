#pragma once
// SMP (Jiang et al. 2022, arXiv 2204.08811): a mask from one trained score per entry over the frozen weights. Only the scores
// (and the head) train, with the penalty lambda * mean over matrices of mean(sigmoid(S)), where lambda grows.
#include <array>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/enum_names.h"
#include "core/recipe/recipe.h"

namespace filigree::adapt {

/// How SMP divides the entries that stay: the same share in each matrix (SMP-L), or, among the matrices of one kind, in
/// proportion to their mean sigmoid(S) (SMP-S).
enum class Allotment { uniform, by_score };
constexpr std::array<EnumName<Allotment>, 2> enum_names(Allotment) {
  return {{{Allotment::uniform, "uniform"}, {Allotment::by_score, "by_score"}}};
}

struct SmpOptions : recipe::MethodOptions {
  double sparsity = 0.9;
  double sparsity_hold = 0.3;
  double penalty = 400.0;
  Allotment allotment = Allotment::by_score;
  double temperature = 1.0;
  std::vector<std::string> targets;
  bool train_head = true;
  void describe(recipe::Schema& schema) override;
};

void add_smp(Registry& registry);

}  // namespace filigree::adapt
