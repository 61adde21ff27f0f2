#pragma once
// Tensor-parallel ops (Shoeybi et al., "Megatron-LM", 2019). The forward and backward pass of an op are transposes of
// each other, so that a model sharded over the ranks of `tp` computes the same as the full model. With one rank, every
// op is the identity.
//
//   op            forward        backward       position
//   copy_to       identity       all-reduce     before a linear that is split along its outputs
//   reduce_from   all-reduce     identity       after a linear that is split along its inputs
//   gather_from   all-gather     local columns  after a linear whose full output is needed
//
// Bytes are counted under the phases "forward" and "backward". Collective: every rank of tp calls the same ops in the
// same order, forward and backward.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "dist/communicator.h"
#include "dist/index_range.h"

namespace filigree::dist {

at::Tensor copy_to(const at::Tensor& x, Communicator& tp);
/// x is overwritten: it must be an output that nothing else uses.
at::Tensor reduce_from(const at::Tensor& x, Communicator& tp);
/// x: [T, local columns], whose number may differ between ranks; result: [T, all columns] in rank order.
at::Tensor gather_from(const at::Tensor& x, Communicator& tp);

/// Sum over the rows of -log softmax(logits)[label], where each rank holds the logits of its part of the vocabulary.
/// logits: [N, local columns], fp32; labels: int64 [N], indices into the full vocabulary, `ignored` where there is no
/// loss. Returns the same fp32 scalar on every rank.
struct Vocabulary {
  int64_t begin = 0;     ///< vocabulary index of the first local column
  int64_t size = 0;      ///< columns of all ranks
  int64_t ignored = 0;   ///< the label of a row without a loss
  double smoothing = 0;  ///< e: a row's loss is (1 - e) (-log p[label]) + e mean over the vocabulary of -log p
};
at::Tensor vocabulary_cross_entropy(const at::Tensor& logits, const at::Tensor& labels, const Vocabulary& vocabulary,
                                    Communicator& tp);

/// Redistributes a tensor that is split along `dim` over the ranks, by send and receive; data that stays on its rank
/// is not sent. before[r], after[r]: the range of rank r along `dim` of the full tensor.
at::Tensor redistribute(const at::Tensor& local, int64_t dim, const std::vector<IndexRange>& before,
                        const std::vector<IndexRange>& after, Communicator& tp);

}  // namespace filigree::dist
