#pragma once
// Which samples make up which batch. The order of an epoch is a permutation drawn from (seed, epoch) alone, and batch b
// of the epoch is a range of it, so it depends on no number of ranks. A position is one integer, the step: step /
// batches_per_epoch() is the epoch, the rest the batch. The last batch of an epoch may be smaller; every sample comes
// once an epoch.
#include <cstdint>
#include <vector>

namespace filigree::data {

class Sampler {
 public:
  /// Throws UsageError unless samples and batch_size are positive.
  Sampler(int64_t samples, int64_t batch_size, uint64_t seed);

  int64_t batches_per_epoch() const { return (samples_ - 1) / batch_size_ + 1; }
  int64_t epoch(int64_t step) const { return step / batches_per_epoch(); }
  /// The samples of the global batch of a step, counted from 0. Steps may be asked for in any order.
  std::vector<int64_t> batch(int64_t step);

 private:
  int64_t samples_, batch_size_;
  uint64_t seed_;
  int64_t drawn_epoch_ = -1;
  std::vector<int64_t> order_;  ///< of drawn_epoch_
};

/// One rank's part of a global batch: a list of samples for each micro-batch (some may be empty). Sorted by length, the
/// samples are dealt in a snake over ranks x micro-batches, so that tokens are balanced; all parts together are the
/// batch. `lengths` holds the tokens of every sample of the data set.
std::vector<std::vector<int64_t>> share(const std::vector<int64_t>& samples, const std::vector<int64_t>& lengths,
                                        int rank, int ranks, int64_t micro_batches);

/// All samples in order, cut into batches, of which this rank gets every ranks-th; for evaluation.
std::vector<std::vector<int64_t>> in_order(int64_t samples, int64_t batch_size, int rank, int ranks);

}  // namespace filigree::data
