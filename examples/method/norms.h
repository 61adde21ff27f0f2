#pragma once
// Layer norm tuning, a method outside filigree's own: it trains the layer norms and the task head, and freezes the rest.
#include <string>
#include <utility>
#include <vector>

#include "core/adapt/method.h"
#include "core/recipe/recipe.h"

namespace example {

/// The options of `method: {name: norms, ...}`. describe() makes them keys of a recipe, with defaults and checks.
struct NormsOptions : filigree::recipe::MethodOptions {
  std::vector<std::string> modules = {"LayerNorm"};
  std::vector<std::string> parts = {"weight", "bias"};
  bool train_head = true;
  void describe(filigree::recipe::Schema& schema) override;
};

class Norms : public filigree::adapt::Method {
 public:
  explicit Norms(NormsOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "norms"; }
  /// Sets the role of each parameter. UsageError if a module has no such parameter in this model.
  void attach(filigree::nn::Model& model, const filigree::adapt::AttachContext& context) override;

 private:
  NormsOptions options_;
};

}  // namespace example
