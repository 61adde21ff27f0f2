#include "core/run/check_init_lora.h"

#include <fmt/format.h>

#include "core/data/task.h"
#include "core/error.h"
#include "core/export/peft/import_peft.h"
#include "core/recipe/key_error.h"
#include "core/run/base_model.h"

namespace filigree::train {
namespace {

void check_positions(const checkpoint::PeftLora& lora, const adapt::Method& method) {
  if (!lora.has_entries() || !method.places_entries()) return;
  throw recipe::KeyError("model.init_lora",
                         fmt::format("{} contains the positions of its sparse update, but {} chooses them from "
                                     "gradients; use the method dsee with another support",
                                     lora.dir, method.name()));
}

}  // namespace

std::vector<std::string> labels_for_adapter(const recipe::Recipe& recipe, const Registries& registries) {
  if (!recipe.data.labels.empty() || recipe.model.init_lora.empty()) return recipe.data.labels;
  try {
    return data::resolve_task(recipe.data, recipe.model.task, registries.formats).labels;
  } catch (const UserError&) {
    return {};  // a fault of the data, which is reported as such
  }
}

void check_init_lora(const recipe::Recipe& recipe, const Registries& registries, nn::Model& shapes,
                     const adapt::Method* method) {
  const checkpoint::PeftLora lora = checkpoint::read_peft(recipe.model.init_lora);
  if (!method) return;
  check_positions(lora, *method);
  if (find_base(recipe.model.path).checkpoint) return;
  const bool classes = recipe.model.task == Task::sequence_classification && !lora.head.empty();
  const bool unknown = classes && labels_for_adapter(recipe, registries).empty();
  checkpoint::check_start(shapes, lora, unknown ? checkpoint::Classes::unknown : checkpoint::Classes::known);
}

}  // namespace filigree::train
