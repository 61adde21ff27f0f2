#pragma once
// Tensor parallelism's ops (Shoeybi et al., "Megatron-LM", 2019): each is a pair of a forward and a backward pass that
// are each other's transpose, so that a model cut over the ranks of `tp` computes what the whole one does. With one
// rank all of them are the identity.
//
//   op            forward        backward       stands
//   copy_to       identity       all-reduce     before a linear that is split by its outputs
//   reduce_from   all-reduce     identity       after a linear that is split by its inputs
//   gather_from   all-gather     own columns    after one whose outputs are wanted whole
//   scatter_to    own columns    all-gather     before one that takes a part of its input
//
// Bytes are counted under the phases "forward" and "backward". Collective: every rank of tp calls the same ops in the
// same order, forward and backward.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "dist/communicator.h"
#include "dist/line_range.h"

namespace filigree::dist {

at::Tensor copy_to(const at::Tensor& x, Communicator& tp);
/// x is overwritten: it must be an output that nobody else uses.
at::Tensor reduce_from(const at::Tensor& x, Communicator& tp);
/// x: [T, own columns], which may differ in number from rank to rank; result [T, all columns] in order of rank.
at::Tensor gather_from(const at::Tensor& x, Communicator& tp);
/// x: [T, all columns]; result [T, columns begin .. end], this rank's. The ranks' ranges lie one after another.
at::Tensor scatter_to(const at::Tensor& x, int64_t begin, int64_t end, Communicator& tp);

/// Sum over the rows of -log softmax(logits)[label], for logits of which each rank holds the columns of its part of the
/// vocabulary. logits: [N, own columns], fp32; labels: int64 [N], numbers of the whole vocabulary, `ignored` where
/// there is no loss. Returns the same fp32 scalar on every rank.
struct Vocabulary {
  int64_t begin = 0;  ///< number of the first own column
  int64_t size = 0;   ///< columns of all ranks
  int64_t ignored = -100;
  double smoothing = 0;  ///< e: a row's loss is (1 - e) (-log p[label]) + e mean over the vocabulary of -log p
};
at::Tensor vocabulary_cross_entropy(const at::Tensor& logits, const at::Tensor& labels, const Vocabulary& vocabulary,
                                    Communicator& tp);

/// Moves the lines of a tensor that is split along `dim` from one division over the ranks to another, by send and
/// receive: what a rank holds before and after goes nowhere. before[r], after[r]: lines of rank r in the whole tensor.
at::Tensor redistribute(const at::Tensor& local, int64_t dim, const std::vector<LineRange>& before,
                        const std::vector<LineRange>& after, Communicator& tp);

}  // namespace filigree::dist
