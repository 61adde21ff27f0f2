#include "core/adapt/methods/layernorm.h"

#include <set>
#include <string_view>
#include <utility>

#include "core/adapt/methods/targets.h"
#include "core/name_pattern.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {
namespace {

/// The names of the layer norms: the modules whose weight is a vector.
std::set<std::string> norms(nn::Model& model) {
  constexpr std::string_view kWeight = ".weight";
  std::set<std::string> found;
  for (const auto& parameter : model.parameters())
    if (parameter->value().dim() == 1 && parameter->name.ends_with(kWeight))
      found.insert(parameter->name.substr(0, parameter->name.size() - kWeight.size()));
  return found;
}

class LayerNorm : public Method {
 public:
  explicit LayerNorm(LayerNormOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "layernorm"; }

  void attach(nn::Model& model, const AttachContext&) override {
    const auto all = norms(model);
    train_modules(model, options_.modules, [&](const std::string& module, const std::string& parameter) {
      const std::string owner = parameter.substr(0, parameter.rfind('.'));
      return all.contains(owner) && names(module, owner);
    });
  }

 private:
  LayerNormOptions options_;
};

}  // namespace

void LayerNormOptions::describe(recipe::Schema& schema) {
  schema.field("modules", modules, "layer norms that are trained, by the last words of their names; empty: all")
      .patterns();
}

void add_layernorm(Registry& registry) {
  registry.add<LayerNormOptions, LayerNorm>("layernorm", "train the layer norms and the task head");
}

}  // namespace filigree::adapt
