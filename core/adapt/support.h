#pragma once
// Where S2 may be nonzero: N positions of a matrix W0, chosen once, before training.
//
//   grebsmo     largest entries of GreBsmo's sparse part (grebsmo.h)
//   magnitude   largest of |W0|
//   random      largest of |randn|
//   svd         largest of |W0 - its rank-r truncation|
//   principal   largest of |rank-r truncation of W0|: LIFT's principal weights (arXiv 2506.00772)
//   gradient    largest mean squared gradient, chosen during training (gradient_support.h)
//
// Ties go to the lower index (row-major). The matrices are distributed over the ranks, round robin, and every rank gets
// all results; they are the same for any number of ranks and threads. Random streams are keyed by the matrix's name.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/enum_names.h"
#include "core/nn/linear.h"
#include "dist/communicator.h"

namespace filigree::adapt {

enum class SupportKind { grebsmo, random, magnitude, svd, principal, gradient };
constexpr std::array<EnumName<SupportKind>, 6> enum_names(SupportKind) {
  return {{{SupportKind::grebsmo, "grebsmo"},
           {SupportKind::random, "random"},
           {SupportKind::magnitude, "magnitude"},
           {SupportKind::svd, "svd"},
           {SupportKind::principal, "principal"},
           {SupportKind::gradient, "gradient"}}};
}

struct SupportOptions {
  SupportKind kind = SupportKind::grebsmo;
  int64_t rank = 16;   ///< svd, principal: rank of the truncation
  int64_t passes = 0;  ///< grebsmo: number of passes; 0: grebsmo_passes()
  uint64_t seed = 0;
  /// What is wrong if a matrix has NaN or infinity.
  std::string not_finite = "the weight contains NaN or infinity: the model's files are damaged";
};

struct Matrix {
  std::string name;
  at::Tensor weight;  ///< [out, in], any floating type and device; only the rank that searches it reads the values
  int64_t entries;    ///< N
};

/// Whether this rank searches the matrix with index `matrix`.
inline bool searched_by(size_t matrix, const dist::Communicator& ranks) {
  return matrix % static_cast<size_t>(ranks.size()) == static_cast<size_t>(ranks.rank());
}

/// The full matrix of a linear's local part (its weight, or what is placed like it) on the rank that searches it; on
/// other ranks a tensor of its shape that takes no memory. Collective over `tp`.
at::Tensor whole_matrix(const at::Tensor& local, const nn::Linear& linear, bool mine, dist::Communicator& tp);

/// int64 [N] each, on the CPU, in ascending order of (row, col).
struct Support {
  at::Tensor rows, cols;
};

/// Collective. Throws UsageError if a matrix has fewer than N entries, DataError if it contains NaN or
/// infinity. Rank 0 warns (`warn` unset: on stderr) if GreBsmo stopped because it ran out of entries.
std::vector<Support> select_supports(const std::vector<Matrix>& matrices, const SupportOptions& options,
                                     dist::Communicator& ranks,
                                     const std::function<void(const std::string&)>& warn = nullptr);

/// Flat indices of the n largest |score|, ascending; ties go to the lower index.
std::vector<int64_t> largest(const at::Tensor& score, int64_t n);

/// The flat positions 0 .. n-1: placeholders without a search, for values that a checkpoint will overwrite.
Support first_places(int64_t n, int64_t in);

}  // namespace filigree::adapt
