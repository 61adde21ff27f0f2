#pragma once
// A score: how important a head, a neuron or a single weight is. One class per score, in a file of its own, with a line in
// registry.cpp. Low scores are removed. What a recipe says of it (prune.score) follows from its traits.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/nn/linear.h"
#include "core/nn/structure.h"
#include "core/nn/weight_gradients.h"
#include "core/prune/plan.h"
#include "core/recipe/catalog.h"

namespace filigree::prune {

struct ScoreInput {
  uint64_t seed = 0;
  bool unmasked = false;                      ///< of entries: those under a mask have a score too
  const nn::GradientBatches* data = nullptr;  ///< for scores that read data
};

class Score {
 public:
  virtual ~Score() = default;
  virtual recipe::ScoreTraits traits() const = 0;

  /// Throws recipe::KeyError of `score` if it is undefined here. Reads no values, so that a model of shapes alone can be
  /// checked before training.
  virtual void check(const nn::StructureGroup& /*group*/) const {}
  virtual void check(const nn::Linear& /*linear*/) const {}

  /// Of the local units of each group, if the traits say of_units. Collective for scores that read data.
  virtual Scores of_units(const std::vector<nn::StructureGroup*>& groups, const ScoreInput& input) const;
  /// fp32, of the local entries of each linear, if the traits say of_entries. Collective for scores that read data.
  virtual std::vector<at::Tensor> of_entries(const std::vector<nn::Linear*>& linears, const ScoreInput& input) const;
};

using ScorePtr = std::shared_ptr<const Score>;

class ScoreRegistry {
 public:
  void add(ScorePtr score);
  /// UsageError for an unknown name.
  ScorePtr at(const std::string& name) const;
  std::vector<recipe::ScoreTraits> traits() const;  ///< in the order of registration

 private:
  std::vector<ScorePtr> scores_;
};

/// magnitude, delta, magnitude+delta, merged, l1, taylor, gates, live, random.
ScoreRegistry builtin_scores();

}  // namespace filigree::prune
