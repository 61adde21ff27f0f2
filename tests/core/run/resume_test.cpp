// labels: unit
// The recipe of a checkpoint of an earlier version, beside the same recipe in the present names of its keys.
#include "core/run/resume.h"

#include <gtest/gtest.h>

#include <set>

#include "core/recipe/load.h"
#include "tests/core/run/every_key.h"
#include "tests/support/catalog.h"

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
  const Registries registries{adapt::builtin_methods(), data::builtin_formats(), prune::builtin_scores(), nullptr};
  const auto recipe = recipe::load_text(in_present_names(kOld), "r.yaml", registries.catalog());
  const std::string present = decisive_recipe(recipe);
  EXPECT_EQ(saved_decisive(present, registries.catalog()), present);
  EXPECT_EQ(recipe_difference(saved_decisive(kOld, registries.catalog()), present), "");
  std::string other = kOld;
  other.replace(other.find("clip: 0.5"), 9, "clip: 0.6");
  const std::string difference = recipe_difference(saved_decisive(other, registries.catalog()), present);
  EXPECT_EQ(difference, "\n  -       max_grad_norm: 0.6\n  +       max_grad_norm: 0.5");
}

TEST(SavedDecisive, ARecipeThatCannotBeReadIsComparedAsItIs) {
  const Registries registries{adapt::builtin_methods(), data::builtin_formats(), prune::builtin_scores(), nullptr};
  EXPECT_EQ(saved_decisive("name: [", registries.catalog()), "name: [");
}

TEST(ExchangedExport, OneStageMayNotTakeTheDirectoryOfAnother) {
  recipe::Recipe before;
  for (const char* name : {"one", "two"}) {
    recipe::StageConfig stage;
    stage.name = name;
    stage.export_config.emplace();
    stage.export_config->dir = std::string("e-") + name;
    before.stages.push_back(stage);
  }
  recipe::Recipe after = before;
  EXPECT_EQ(exchanged_export(before, after), "");
  after.stages[0].export_config->dir = "other";
  EXPECT_EQ(exchanged_export(before, after), "");
  after.stages[1].export_config->dir = "e-one";
  EXPECT_EQ(exchanged_export(before, after),
            "stages.two.export.dir: e-one is the directory of stage one in the recipe of the checkpoint");
}

TEST(RecipeDifference, ALineOfAnotherStageHidesNone) {
  EXPECT_EQ(recipe_difference("lr: 1\nb\nc\nlr: 2", "lr: 2\nb\nc\nlr: 1"),
            "\n  - lr: 1\n  - lr: 2\n  + lr: 2\n  + lr: 1");
  EXPECT_EQ(recipe_difference("lr: 1\nb\nlr: 1\nc\nlr: 2", "lr: 1\nb\nlr: 2\nc\nlr: 2"), "\n  - lr: 1\n  + lr: 2");
  EXPECT_EQ(recipe_difference("lr: 1\nlr: 1", "lr: 1"), "\n  - lr: 1");
  EXPECT_EQ(recipe_difference("", "lr: 1"), "\n  + lr: 1");
  EXPECT_EQ(recipe_difference("a\nlr: 1", "a\nlr: 1"), "");
}

// --- which keys a resumed run may change -----------------------------------------------------------------------------

recipe::Recipe load(const char* text, const test::Sets& sets) {
  return recipe::load_text(text, "r.yaml", filigree::testing::builtin_catalog(), sets);
}

/// Keys that may differ, because they change no number, or because the files are compared by content.
const std::set<std::string> kFree{"name",
                                  "model.path",
                                  "model.init_lora",
                                  "data.dir",
                                  "data.train",
                                  "data.dev",
                                  "data.test",
                                  "stages[].train.activation_checkpointing",
                                  "stages[].export.format",
                                  "stages[].export.dir",
                                  "stages[].export.dtype",
                                  "stages[].export.shard_mb"};

/// Sections of how often the run saves and evaluates, and how it is distributed: not even mentioned.
bool is_of_no_run(const std::string& key) {
  if (key == "parallel.precision" || key == "parallel.grad_dtype") return false;
  return key.starts_with("parallel.") || key.starts_with("checkpoint.") || key.starts_with("eval.") ||
         key == "log_every";
}

TEST(DecisiveRecipe, EveryKeyIsFreeOrNot) {
  for (const test::Row& row : test::rows()) {
    SCOPED_TRACE(row.key);
    test::Sets sets = row.both;
    const recipe::Recipe mine = load(row.recipe, sets);
    sets.push_back(row.set);
    const recipe::Recipe other = load(row.recipe, sets);
    const bool free = kFree.contains(row.key), ignored = is_of_no_run(row.key);
    // Giving a LoRA to a run that had none is another run.
    const bool lora = row.key == "model.init_lora";
    EXPECT_EQ(decisive_recipe(mine) == decisive_recipe(other), (free || ignored) && !lora);
    EXPECT_EQ(run_recipe(mine) == run_recipe(other), ignored);
    EXPECT_EQ(free_changes(mine, other).empty(), !free || lora) << free_changes(mine, other);
    EXPECT_EQ(free_changes(mine, mine), "");
  }
}

TEST(DecisiveRecipe, TheFreeChangesAreNamed) {
  const test::Sets lora{"stages.warm.method={name: lora, rank: 2, targets: [key]}", "model.init_lora=/lora"};
  test::Sets other = lora;
  for (const char* set : {"model.init_lora=./lora", "name=other", "stages.out.export.shard_mb=3", "data.train=t.tsv"})
    other.emplace_back(set);
  EXPECT_EQ(free_changes(load(test::kClasses, lora), load(test::kClasses, other)),
            "\n  data.train: (not set), now t.tsv\n  model.init_lora: /lora, now ./lora\n  name: base, now other"
            "\n  stages.7.export.shard_mb: 0, now 3");
  EXPECT_EQ(free_changes(load(test::kClasses, {}), load(test::kClasses, {"seed=8"})), "") << "it changes the numbers";
}

TEST(DecisiveRecipe, ItIsThatOfTheCheckpointsText) {
  const auto catalog = filigree::testing::builtin_catalog();
  for (const char* text : {test::kClasses, test::kMasked, test::kCausal, test::kContexts}) {
    const recipe::Recipe recipe = load(text, {});
    EXPECT_EQ(saved_decisive(run_recipe(recipe), catalog), decisive_recipe(recipe));
    EXPECT_EQ(saved_decisive(decisive_recipe(recipe), catalog), decisive_recipe(recipe));
  }
}

}  // namespace
}  // namespace filigree::train
