#pragma once
// Selects the samples of each batch. The order of an epoch is a permutation drawn only from (seed, epoch),
// and batch b of the epoch is a range of it, so it does not depend on the number of ranks. A position is one
// integer, the step: step / batches_per_epoch() is the epoch, the remainder is the batch. The last batch of
// an epoch may be smaller; every sample occurs once per epoch.
#include <cstdint>
#include <vector>

namespace filigree::data {

class Sampler {
 public:
  /// Throws UsageError unless samples and batch_size are positive.
  Sampler(int64_t samples, int64_t batch_size, uint64_t seed);

  int64_t batches_per_epoch() const { return (samples_ - 1) / batch_size_ + 1; }
  int64_t epoch(int64_t step) const { return step / batches_per_epoch(); }
  /// The samples of the global batch of a step, counted from 0. Steps may be requested in any order.
  std::vector<int64_t> batch(int64_t step);

 private:
  int64_t samples_, batch_size_;
  uint64_t seed_;
  int64_t drawn_epoch_ = -1;
  std::vector<int64_t> order_;  ///< of drawn_epoch_
};

/// One rank's part of a global batch: one list of samples per micro-batch (some may be empty). To balance
/// tokens, the samples are sorted by length and distributed in snake order over ranks x micro-batches; all
/// parts together are the batch. `lengths` holds the number of tokens of every sample of the data set.
std::vector<std::vector<int64_t>> share(const std::vector<int64_t>& samples, const std::vector<int64_t>& lengths,
                                        int rank, int ranks, int64_t micro_batches);

}  // namespace filigree::data
