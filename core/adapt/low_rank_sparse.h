#pragma once
// The adapter D = s U V + t S2 with s = alpha / r; either part may be absent:
//
//   kind()             D               parameters
//   low_rank           s U V           "<linear>.lora_U" [out, r], "<linear>.lora_V" [r, in]
//   sparse_delta       t S2            "<linear>.sparse_values" [N]; int64 [N] "<linear>.sparse_rows", ".sparse_cols"
//   low_rank_sparse    s U V + t S2    all five
//
// DSEE scales both parts alike (t = s); RoSA, SHiRA and SIFT do not scale S2 (t = 1).
//
// The positions of S2 are buffers of the parameter table, so that checkpoints contain them. They index the
// full matrix, in ascending order of (row, col). Only reslice() changes them: it renumbers them. To restore a
// checkpoint, assign all five tensors together: after a prune, N may differ from the N that attach() created.
//
// On a tensor-parallel axis the update is split like its linear:
//
//   linear split by outputs (rows):   U by rows; V replicated, with a partial gradient on each rank
//   linear split by inputs (columns): V by columns; U replicated, with a partial gradient on each rank
//   S2 in both cases: all N values and positions on every rank; each rank uses those in its part of the matrix and has
//                     a partial gradient. (S2 is never moved between ranks.)
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/adapt/update_function.h"
#include "core/nn/adapter.h"
#include "core/nn/linear.h"
#include "core/nn/parameter.h"

namespace filigree::adapt {

/// U and V, trainable.
struct Factors {
  nn::ParameterPtr u, v;

  void fill(Update& update) const;
};

/// N positions and their trainable values in an out x in matrix, of which this rank holds `part`.
struct SparseEntries {
  nn::ParameterPtr rows, cols, values;
  int64_t out = 0;
  int64_t in = 0;
  nn::Placement part = {};

  void fill(Update& update) const;
  std::vector<nn::Reslice> reslice(int64_t dim, const nn::AxisChange& change);
  void take_shapes(const std::function<at::Tensor(const std::string&)>& saved) const;

 private:
  /// The entries in the local part and their positions in it; recomputed when the positions or the part change.
  struct Own {
    at::Tensor of_rows, of_cols;  ///< the tensors it was computed from
    int64_t version = -1;
    nn::Placement part;
    at::Tensor entries, rows, cols;
  };
  const Own& own() const;
  mutable Own own_;
};

/// Adds two factors [out, r] and [r, in] as followers of the linear (followers.h), with their full first values.
Factors add_factors(nn::ParameterTable& table, nn::Linear& linear, const std::array<std::string, 2>& suffixes,
                    const at::Tensor& u, const at::Tensor& v);

/// Adds U = 0 and V = `v` ([r, in], full).
Factors add_factors(nn::ParameterTable& table, nn::Linear& linear, const at::Tensor& v);

/// Registers values = 0 at the positions rows, cols (int64 [N], ascending) of an out x in matrix.
SparseEntries add_entries(nn::ParameterTable& table, const std::string& linear, int64_t out, int64_t in,
                          const at::Tensor& rows, const at::Tensor& cols, const nn::Placement& part = {});

class LowRankSparse : public nn::Adapter {
 public:
  /// At least one part. scale: of U V; sparse_scale: of S2.
  LowRankSparse(std::optional<Factors> factors, std::optional<SparseEntries> entries, double scale,
                double sparse_scale);

  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) const override;
  bool is_merged() const override;
  at::Tensor dense() const override;
  at::Tensor delta() const override;
  std::vector<nn::ParameterPtr> parameters() const override;
  std::optional<nn::LowRankForm> low_rank_form() const override;
  std::vector<nn::Reslice> reslice(int64_t dim, const nn::AxisChange& change) override;
  void take_shapes(const std::function<at::Tensor(const std::string&)>& saved) override;
  std::string kind() const override;

 private:
  Update update() const;
  std::optional<Factors> factors_;
  std::optional<SparseEntries> entries_;
  double scale_, sparse_scale_;
};

}  // namespace filigree::adapt
