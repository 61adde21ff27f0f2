#pragma once
// Checks that the first method can start from the recipe's adapter of peft (model.init_lora), on a model of shapes.
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/nn/model.h"
#include "core/recipe/recipe.h"
#include "core/run/session.h"

namespace filigree::train {

/// The task's labels, as far as a check of model.init_lora needs them: those of the recipe or, if there are none, of the
/// data. Empty if it needs none, or if the data cannot be read.
std::vector<std::string> labels_for_adapter(const recipe::Recipe& recipe, const Registries& registries);

/// Throws recipe::KeyError if the method's updates cannot hold the adapter, and otherwise as checkpoint::read_peft() and
/// checkpoint::check_start(). shapes: of labels_for_adapter(); method: attached to it, or nullptr if that failed: then only
/// the files are checked. So it is if model.path is a checkpoint, whose shapes are known only once it is merged.
void check_init_lora(const recipe::Recipe& recipe, const Registries& registries, nn::Model& shapes,
                     const adapt::Method* method);

}  // namespace filigree::train
