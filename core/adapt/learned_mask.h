#pragma once
// A mask that follows from trained scores: W' = M o (W0 + D), where M keeps the entries with the highest scores S of each
// matrix (mask_scores.h), by a level that may change from step to step:
//
//   share      int(level * entries) entries are 0, exactly; of equal scores, the entry with the higher logical index
//   threshold  the entries with sigmoid(S) <= level are 0, but at least int(entries / 200) + 1 stay
//
// The backward pass takes M as if it were S (straight-through), so with G the gradient of W' and W = W0 + D
//
//   dS = G o W      dW = G o M + (dS through S)
//
// Table: "<linear>.mask_level", a buffer of one number; "<linear>.learned_mask", derived; and the parameters of the scores.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/adapt/mask_scores.h"
#include "core/nn/linear.h"
#include "core/nn/model.h"
#include "core/nn/weight_transform.h"
#include "dist/communicator.h"

namespace filigree::adapt {

/// value * mask; the backward pass gives value g o mask and score g o value. mask: uint8, of their shape.
at::Tensor straight_through(const at::Tensor& value, const at::Tensor& score, const at::Tensor& mask);

enum class MaskRule { share, threshold };

class LearnedMask : public nn::WeightTransform {
 public:
  LearnedMask(std::unique_ptr<MaskScores> scores, MaskRule rule, nn::ParameterPtr level, nn::ParameterPtr mask);

  at::Tensor apply(const at::Tensor& weight) const override;
  bool covers_update() const override { return true; }
  std::vector<nn::ParameterPtr> parameters() const override;
  std::string kind() const override { return "a learned mask"; }

  const MaskScores& scores() const { return *scores_; }
  MaskRule rule() const { return rule_; }
  const nn::ParameterPtr& mask() const { return mask_; }
  double level() const;
  void set_level(double level) const;  ///< takes effect with the next refresh_masks()

 private:
  std::unique_ptr<MaskScores> scores_;
  MaskRule rule_;
  nn::ParameterPtr level_, mask_;
};

/// The learned mask of a linear; nullptr if it has none.
const LearnedMask* learned_mask(const nn::Linear& linear);

/// Adds a learned mask that keeps everything to `linear`.
void add_learned_mask(nn::ParameterTable& table, nn::Linear& linear, std::unique_ptr<MaskScores> scores,
                      MaskRule rule = MaskRule::share);

/// Removes the mask and its parameters. Scores that another linear shares are removed with the first of them.
void remove_learned_mask(nn::ParameterTable& table, nn::Linear& linear);

/// Sets the level of every learned mask; takes effect with the next refresh_masks().
void set_mask_levels(nn::Model& model, double level);

/// Makes the masks of all linears with a learned mask from their present parameters and levels. Called whenever
/// these change: after an update, a prune, a restore. tp: ranks that share one copy of the model. Collective over them.
void refresh_masks(nn::Model& model, dist::Communicator& tp);

}  // namespace filigree::adapt
