#pragma once
// Masks from one trained score per entry (learned_mask.h):
//
//   movement       Sanh et al. 2020, arXiv 2005.07683: all weights train; the lowest scores of each matrix are removed, by a
//                  share that grows along a cubic curve
//   soft_movement  the same by a threshold of sigmoid(S) that grows from 0, with the penalty
//                  lambda * mean over matrices of mean(sigmoid(S)), where lambda grows with the threshold
//   smp            Jiang et al. 2022, arXiv 2204.08811: only the scores (and the head) train
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/enum_names.h"
#include "core/recipe/recipe.h"

namespace filigree::adapt {

struct MovementOptions : recipe::MethodOptions {
  double sparsity = 0.9;
  double initial_sparsity = 0.0;
  double sparsity_warmup = 0.1;
  double sparsity_hold = 0.3;
  double score_lr_ratio = 300.0;
  std::vector<std::string> targets;  ///< empty: the encoder's linears
  std::vector<std::string> freeze;
  void describe(recipe::Schema& schema) override;
};

struct SoftMovementOptions : recipe::MethodOptions {
  double threshold = 0.1;
  double penalty = 400.0;
  double threshold_warmup = 0.1;
  double threshold_hold = 0.3;
  double score_lr_ratio = 300.0;
  std::vector<std::string> targets;
  std::vector<std::string> freeze;
  void describe(recipe::Schema& schema) override;
};

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

void add_movement(Registry& registry);

}  // namespace filigree::adapt
