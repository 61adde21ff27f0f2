#pragma once
// parallel.shard_frozen: each data-parallel rank keeps a part of the frozen weights, and a layer's are gathered just
// before they are used (Zhao et al., "PyTorch FSDP", 2023). Frozen weights have no gradients, so nothing goes the other
// way.
//
//   unit      the word embedding, or the linears of one layer; its weights lie in one flat tensor, cut into equal parts
//   forward   unit l is waited for, l+1 is on its way, all others are dropped
//   backward  the weights are asked for again: unit l is waited for, l-1 is on its way
//
// So a rank holds 1/dp of these weights and two units. Biases, normalisation, position embeddings, pooler and head stay
// whole on every rank. The results are those of whole weights, bit for bit. While it lives the ranks must run the same
// passes: gathers are collective (a group of its own, so they do not stand between the gradients).
#include <cstdint>
#include <memory>
#include <vector>

#include "core/nn/model.h"
#include "dist/communicator.h"

namespace filigree::train {

/// What is gathered together.
struct FrozenUnit {
  std::vector<nn::ParameterPtr> weights;
  bool backward = true;  ///< the backward pass needs it, too: not so for an embedding
};
std::vector<FrozenUnit> frozen_units(nn::Model& model);  ///< in the order of the forward pass

class FrozenShards {
 public:
  /// Takes the frozen weights of `model` into parts. Collective over dp.
  FrozenShards(nn::Model& model, dist::Communicator& dp);
  /// Lets go of the model; its weights are not brought back (see restore).
  ~FrozenShards();
  FrozenShards(const FrozenShards&) = delete;

  /// Puts the whole weights back, for whatever reads or changes them (pruning, export). Collective.
  void restore();
  /// Drops what is gathered, so that what a step gathers does not depend on what was done before it.
  void drop();
  const dist::Communicator& group() const { return *group_; }  ///< that the gathers go through
  uint64_t bytes() const;                                      ///< of the parts that this rank keeps

 private:
  struct Unit : FrozenUnit {
    at::Tensor part;   ///< this rank's, flat
    at::Tensor whole;  ///< gathered, or on its way; undefined when dropped
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
