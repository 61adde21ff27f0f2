#include "norms.h"

#include <algorithm>

#include "core/adapt/methods/targets.h"
#include "core/error.h"
#include "core/name_pattern.h"
#include "core/recipe/schema.h"

namespace example {

namespace adapt = filigree::adapt;
namespace nn = filigree::nn;

void NormsOptions::describe(filigree::recipe::Schema& schema) {
  schema.field("modules", modules, "layer norms to train, by the last words of their names; GPT-2: [ln_1, ln_2, ln_f]")
      .required()
      .unique();
  schema.field("parts", parts, "what to train of a layer norm").one_of({"weight", "bias"}).required().unique();
  schema.field("train_head", train_head, "also train the task head");
}

void Norms::attach(nn::Model& model, const adapt::AttachContext& /*context*/) {
  const auto is_of = [&](const std::string& module, const std::string& parameter) {
    return std::ranges::any_of(
        options_.parts, [&](const std::string& part) { return filigree::names(module + "." + part, parameter); });
  };
  for (const std::string& module : options_.modules)
    if (std::ranges::none_of(model.parameters(), [&](const auto& parameter) { return is_of(module, parameter->name); }))
      throw filigree::UsageError(
          fmt::format("norms.modules: '{}' names no layer norm of this {} model", module, model.family()));

  const auto in_head = adapt::in_head(model);
  adapt::set_trainable(model, [&](const nn::Parameter& parameter) {
    if (in_head(parameter)) return options_.train_head;
    return std::ranges::any_of(options_.modules,
                               [&](const std::string& module) { return is_of(module, parameter.name); });
  });
}

}  // namespace example
