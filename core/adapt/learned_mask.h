#pragma once
// A mask that follows from trained scores (PST, arXiv 2205.11005): W' = M o W with W = W0 + D, where M keeps the entries
// with the highest scores
//
//   S = |W| + a1 A B + a2 (R 1^T + 1 C^T)        A: [out, r], B: [r, in], R: [out], C: [in]
//
// of each matrix: int(share * entries) entries are 0, exactly. Of equal scores, the entry with the higher logical index is
// removed. The backward pass takes M as if it were S (straight-through), so with G the gradient of W'
//
//   dS = G o W      dW = G o M + dS o sign(W) = G o (M + |W|)
//
// Table: "<linear>.score_A", ".score_B", ".score_R", ".score_C" trainable; "<linear>.mask_share", a buffer of one number;
// "<linear>.learned_mask", derived. On a tensor-parallel axis, A and R are split with the rows, B and C with the columns,
// and those that are not split have a partial gradient.
#include <cstdint>
#include <string>
#include <vector>

#include "core/adapt/low_rank_sparse.h"
#include "core/nn/linear.h"
#include "core/nn/model.h"
#include "core/nn/weight_transform.h"
#include "dist/communicator.h"

namespace filigree::adapt {

/// value * mask; the backward pass gives value g o mask and score g o value. mask: uint8, of their shape.
at::Tensor straight_through(const at::Tensor& value, const at::Tensor& score, const at::Tensor& mask);

/// The low-rank and the row and column scores of one matrix.
struct ScoreParameters {
  Factors low_rank;             ///< A and B
  nn::ParameterPtr rows, cols;  ///< R and C
  double low_rank_scale = 1.0;  ///< a1
  double line_scale = 1.0;      ///< a2
};

class LearnedMask : public nn::WeightTransform {
 public:
  LearnedMask(ScoreParameters scores, nn::ParameterPtr share, nn::ParameterPtr mask);

  at::Tensor apply(const at::Tensor& weight) const override;
  bool covers_update() const override { return true; }
  std::vector<nn::ParameterPtr> parameters() const override;
  std::vector<nn::Reslice> reslice(int64_t dim, const nn::AxisChange& change) override;
  std::string kind() const override { return "learned_mask"; }

  /// S of the local part, fp32; differentiable. weight: W0 + D, fp32.
  at::Tensor scores(const at::Tensor& weight) const;
  const nn::ParameterPtr& mask() const { return mask_; }
  double share() const;                ///< of the entries, that is 0
  void set_share(double share) const;  ///< takes effect with the next refresh_masks()

 private:
  ScoreParameters scores_;
  nn::ParameterPtr share_, mask_;
};

/// Adds a learned mask that keeps everything to `linear`. a, b: first values of A and B, full; R and C start at 0.
void add_learned_mask(nn::ParameterTable& table, nn::Linear& linear, const at::Tensor& a, const at::Tensor& b,
                      double low_rank_scale, double line_scale);

/// Makes the masks of all linears with a learned mask from their present parameters and shares. Called whenever these
/// change: after an update, a prune, a restore. tp: ranks that share one copy of the model. Collective over them.
void refresh_masks(nn::Model& model, dist::Communicator& tp);

}  // namespace filigree::adapt
