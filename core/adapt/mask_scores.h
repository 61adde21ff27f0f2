#pragma once
// The scores from which a mask follows (learned_mask.h): an entry of the matrix with a low score is removed.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "core/adapt/low_rank_sparse.h"
#include "core/nn/linear.h"
#include "core/nn/parameter.h"

namespace filigree::adapt {

class MaskScores {
 public:
  virtual ~MaskScores() = default;
  /// S of this rank's part, fp32 [out, in]; differentiable in the parameters and in the weight, fp32.
  virtual at::Tensor of(const at::Tensor& weight) const = 0;
  virtual std::vector<nn::ParameterPtr> parameters() const = 0;  ///< followers of the linear
};

/// S = |W| + a1 A B + a2 (R 1^T + 1 C^T)        A: [out, r], B: [r, in], R: [out], C: [in]        (PST)
class LowRankScores : public MaskScores {
 public:
  /// Adds "<linear>.score_A", ".score_B", ".score_R", ".score_C", trainable. a, b: first values, full; R = C = 0.
  LowRankScores(nn::ParameterTable& table, nn::Linear& linear, const at::Tensor& a, const at::Tensor& b,
                double low_rank_scale, double line_scale);

  at::Tensor of(const at::Tensor& weight) const override;
  std::vector<nn::ParameterPtr> parameters() const override;

 private:
  Factors low_rank_;
  nn::ParameterPtr rows_, cols_;
  double low_rank_scale_, line_scale_;
};

/// One trained score per entry, independent of the weight (movement pruning, arXiv 2005.07683).
class EntryScores : public MaskScores {
 public:
  /// Adds "<linear>.score", trainable, with `first` everywhere.
  EntryScores(nn::ParameterTable& table, nn::Linear& linear, double first);

  at::Tensor of(const at::Tensor& weight) const override;
  std::vector<nn::ParameterPtr> parameters() const override { return {scores_}; }

 private:
  nn::ParameterPtr scores_;
};

/// One trained score per block of block x block entries. "<linear>.score": [out / block, in / block].
class BlockScores : public MaskScores {
 public:
  BlockScores(nn::ParameterTable& table, nn::Linear& linear, int64_t block, double first);
  at::Tensor of(const at::Tensor& weight) const override;
  std::vector<nn::ParameterPtr> parameters() const override { return {scores_}; }

 private:
  nn::ParameterPtr scores_;
  int64_t block_;
};

/// One trained score per row (dim 0) or column (dim 1). Two linears may share the scores: the rows of one, which the
/// parameter follows, and the same columns of the other.
class LineScores : public MaskScores {
 public:
  /// Adds "<linear>.score" as a follower of the linear.
  static nn::ParameterPtr add(nn::ParameterTable& table, nn::Linear& linear, int64_t dim, double first);

  LineScores(nn::ParameterPtr scores, int64_t dim) : scores_(std::move(scores)), dim_(dim) {}
  at::Tensor of(const at::Tensor& weight) const override;
  std::vector<nn::ParameterPtr> parameters() const override { return {scores_}; }

 private:
  nn::ParameterPtr scores_;
  int64_t dim_;
};

}  // namespace filigree::adapt
