// labels: unit
// The recipe of a checkpoint of an earlier version, beside the same recipe in the present names of its keys.
#include "core/run/resume.h"

#include <gtest/gtest.h>

#include "core/recipe/load.h"

namespace filigree::train {
namespace {

constexpr const char* kOld = R"(
name: old
seed: 3
model: {path: /models/m, task: sequence_classification}
data: {format: tsv, dir: /data, text: [a], label: b, limit: 20}
parallel: {wire: bf16}
stages:
  - name: adapt
    method: {name: dsee, rank: 2, sparse: 4, targets: [query]}
    train: {max_steps: 3, batch_size: 4, lr: 1e-3, accumulate: 2, clip: 0.5, recompute: true}
)";

std::string in_present_names(std::string text) {
  const std::pair<const char*, const char*> names[] = {
      {"limit:", "max_train_samples:"}, {"wire:", "grad_dtype:"},
      {"sparse:", "num_sparse:"},       {"accumulate:", "gradient_accumulation:"},
      {"clip:", "max_grad_norm:"},      {"recompute:", "activation_checkpointing:"}};
  for (const auto& [before, after] : names) text.replace(text.find(before), std::string_view(before).size(), after);
  return text;
}

TEST(SavedDecisive, OldNamesOfKeysAreNoDifference) {
  const Registries registries{adapt::builtin_methods(), data::builtin_formats(), nullptr};
  const auto recipe = recipe::load_text(in_present_names(kOld), "r.yaml", registries.catalog());
  const std::string present = decisive_recipe(recipe);
  EXPECT_EQ(saved_decisive(present, registries.catalog()), present);
  EXPECT_EQ(recipe_difference(saved_decisive(kOld, registries.catalog()), recipe::to_yaml(recipe)), "");
  std::string other = kOld;
  other.replace(other.find("clip: 0.5"), 9, "clip: 0.6");
  const std::string difference =
      recipe_difference(saved_decisive(other, registries.catalog()), recipe::to_yaml(recipe));
  EXPECT_EQ(difference, "\n  -       max_grad_norm: 0.6\n  +       max_grad_norm: 0.5");
}

TEST(SavedDecisive, ARecipeThatCannotBeReadIsComparedAsItIs) {
  const Registries registries{adapt::builtin_methods(), data::builtin_formats(), nullptr};
  EXPECT_EQ(saved_decisive("name: [", registries.catalog()), "name: [");
}

}  // namespace
}  // namespace filigree::train
