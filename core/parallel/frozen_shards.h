#pragma once
// parallel.shard_frozen: each data-parallel rank keeps a shard of the frozen weights, and each layer is gathered just
// before use (Zhao et al., "PyTorch FSDP", 2023). Frozen weights have no gradients, so nothing is reduced.
//
//   unit      the word embedding, or the linears of one layer; its weights form one flat tensor, split into equal parts
//   forward   wait for unit l, prefetch l+1, drop all others
//   backward  request the weights again: wait for unit l, prefetch l-1
//
// So a rank holds 1/dp of these weights and two gathered units. Biases, normalization, position embeddings, pooler and
// head stay replicated. Results are bit-identical to those with full weights. While a FrozenShards exists, all ranks
// must run the same passes, because gathers are collective. They use their own group, so they do not block gradients.
#include <cstdint>
#include <memory>
#include <vector>

#include "core/nn/model.h"
#include "dist/communicator.h"

namespace filigree::train {

/// Weights that are gathered together.
struct FrozenUnit {
  std::vector<nn::ParameterPtr> weights;
  bool backward = true;  ///< the backward pass also needs it; false for an embedding
};
std::vector<FrozenUnit> frozen_units(nn::Model& model);  ///< in the order of the forward pass

class FrozenShards {
 public:
  /// Shards the frozen weights of `model`. Collective over dp.
  FrozenShards(nn::Model& model, dist::Communicator& dp);
  /// Detaches from the model; does not restore its weights (see restore()).
  ~FrozenShards();
  FrozenShards(const FrozenShards&) = delete;

  /// Restores the full weights, for code that reads or changes them (pruning, export). Collective.
  void restore();
  /// Drops the gathered units, so that what a step gathers does not depend on what ran before it.
  void drop();
  const dist::Communicator& group() const { return *group_; }  ///< used by the gathers
  uint64_t bytes() const;                                      ///< size of this rank's parts

 private:
  struct Unit : FrozenUnit {
    at::Tensor part;   ///< this rank's part, flat
    at::Tensor whole;  ///< gathered or in flight; undefined if dropped
    dist::WorkPtr work;
  };
  void add_unit(const FrozenUnit& unit);
  void start(size_t unit);
  const at::Tensor& wait(size_t unit);
  at::Tensor weight(size_t unit, size_t index, bool backward);

  std::unique_ptr<dist::Communicator> group_;
  std::vector<Unit> units_;
};

}  // namespace filigree::train
