// The state of a manifest whose checksum is right: every value of a wrong type or range is a DataError that names its
// key, and so is a state that no run of the recipe can have.
#include "core/run/state/saved_state.h"

#include <gtest/gtest.h>

#include "core/adapt/method.h"
#include "core/checkpoint/manifest.h"
#include "core/error.h"
#include "core/recipe/load.h"
#include "tests/support/catalog.h"

namespace filigree::train {
namespace {

using nlohmann::json;

const char* const kRecipe = R"(
name: base
model: {path: /model, task: sequence_classification}
data: {format: tsv, dir: /data, text: [sentence], label: label}
stages:
  - {name: adapt, method: {name: lora, rank: 4, targets: [query]}, train: {max_steps: 4, batch_size: 8, lr: 1e-3}}
  - {name: cut, prune: {structure: [ffn], ffn: 0.3, steps: 2}}
  - {name: recover, prune: {sparsity: 0.4, steps: 2}, train: {max_steps: 8, batch_size: 8, lr: 1e-3, distill: {weight: 0.5}}}
)";

/// Of step 5 of stage recover: 4 of adapt, 2 rounds of cut, 5 of recover, of whose rounds both are done (at 0 and 3).
json good_state() {
  const json plan = {{"score", "l1"}, {"scope", "layer"}, {"groups", json::array()}};
  json run = {{"stage", 2},
              {"stage_step", 5},
              {"global_step", 11},
              {"prune_rounds", 2},
              {"events",
               {{{"kind", "attach"}, {"stage", 0}, {"plan", nullptr}},
                {{"kind", "prune"}, {"stage", 1}, {"plan", plan}},
                {{"kind", "prune"}, {"stage", 1}, {"plan", plan}},
                {{"kind", "mask"}, {"stage", 2}, {"plan", {"query.mask"}}},
                {{"kind", "mask"}, {"stage", 2}, {"plan", {"query.mask"}}}}},
              {"touched", {"query.lora_U"}},
              {"best", {{"metric", "accuracy"}, {"split", "dev"}, {"value", 0.5}, {"step", 4}}},
              {"teacher", {{"stage", 2}, {"file", "teacher-logits-stage2.safetensors"}, {"xxh3", "ab"}}}};
  return {{"run", run},
          {"recipe", kRecipe},
          {"decisive", kRecipe},
          {"base", "xxh3:12"},
          {"base_files", {{"config.json", "34"}}},
          {"adapter_files", json::object()},
          {"data", "56"},
          {"eval_data", {{"dev", "78"}}},
          {"labels", {"0", "1"}},
          {"metrics_lines", 12},
          {"metrics_digest", "9a"},
          {"optimizer_steps", 5}};
}

class SavedStateTest : public ::testing::Test {
 protected:
  /// "" when the state is taken, else the message.
  std::string refusal(const json& state, int version = checkpoint::kManifestVersion, int64_t step = 11) const {
    checkpoint::Loaded loaded;
    loaded.info = {step, "run/checkpoints/step-00000011"};
    loaded.state = state;
    loaded.version = version;
    try {
      check_fits(saved_state(loaded), recipe_, /*same_recipe=*/true, 100, loaded.info.path);
      return "";
    } catch (const DataError& error) {
      return error.what();
    }
  }

  void expect_refused(const std::string& pointer, const json& value) const {
    json state = good_state();
    state[json::json_pointer(pointer)] = value;
    const std::string message = refusal(state);
    EXPECT_NE(message, "") << pointer << " = " << value.dump() << " is taken";
    EXPECT_EQ(message.rfind("run/checkpoints/step-00000011/manifest.json: state", 0), 0U) << message;
  }

  const recipe::Recipe recipe_ = recipe::load_text(kRecipe, "recipe", filigree::testing::builtin_catalog());
};

TEST_F(SavedStateTest, GoodOneIsTakenAndReadsBack) {
  EXPECT_EQ(refusal(good_state()), "");
  checkpoint::Loaded loaded;
  loaded.info.step = 11;
  loaded.version = checkpoint::kManifestVersion;
  loaded.state = good_state();
  EXPECT_EQ(to_json(saved_state(loaded)), good_state());
}

TEST_F(SavedStateTest, CountsOfAnEarlierRecipeAreNotCompared) {
  json changed = good_state();
  changed["run"]["global_step"] = 11;
  changed["run"]["prune_rounds"] = 1;
  EXPECT_NE(refusal(changed), "");
  changed["run"]["recipe_changed"] = true;
  EXPECT_EQ(refusal(changed), "");
}

TEST_F(SavedStateTest, OldVersionsAreRead) {
  json old = good_state();
  for (const char* key : {"base_files", "adapter_files", "eval_data", "metrics_digest"}) old.erase(key);
  old["run"].erase("teacher");
  EXPECT_EQ(refusal(old, 2), "");
  EXPECT_NE(refusal(old), "") << "a new one without the new keys";
}

/// Every value, at every depth, is replaced by one of each other type.
TEST_F(SavedStateTest, WrongTypesAreRefusedEverywhere) {
  const json values = {nullptr, true, -1, 1.5, "text", json::array({1}), {{"a", 1}}, 18446744073709551615ULL};
  int tried = 0;
  const json flat = good_state().flatten();
  for (const auto& [pointer, value] : flat.items()) {
    if (pointer.find("/plan") != std::string::npos) continue;  // read when the events are replayed
    std::string parent = pointer;
    for (; !parent.empty(); parent.resize(parent.rfind('/'))) {
      const json present = good_state()[json::json_pointer(parent)];
      for (const json& other : values) {
        if (other.type() == present.type() || (other.is_number() && present.is_number_float())) continue;
        if (other.is_object() && parent.ends_with("files")) continue;
        ++tried;
        expect_refused(parent, other);
      }
    }
  }
  EXPECT_GT(tried, 200);
}

TEST_F(SavedStateTest, MissingKeysAreRefused) {
  for (const char* place : {"", "/run", "/run/best", "/run/teacher", "/run/events/1"}) {
    const json object = good_state()[json::json_pointer(place)];
    for (const auto& [key, value] : object.items()) {
      if (key == "best" || key == "teacher" || key == "split") continue;
      json state = good_state();
      state[json::json_pointer(place)].erase(key);
      const std::string message = refusal(state);
      EXPECT_NE(message.find(key), std::string::npos) << place << "/" << key << ": " << message;
    }
  }
}

TEST_F(SavedStateTest, ImpossibleCountsAreRefused) {
  const std::vector<std::pair<std::string, json>> wrong = {{"/run/stage", -1},
                                                           {"/run/stage", 99},
                                                           {"/run/stage", 3},
                                                           {"/run/stage", 1},
                                                           {"/run/stage_step", -1},
                                                           {"/run/stage_step", 0},
                                                           {"/run/stage_step", 1000000},
                                                           {"/run/stage_step", 6},
                                                           {"/run/global_step", -7},
                                                           {"/run/global_step", 12},
                                                           {"/run/global_step", 0},
                                                           {"/run/prune_rounds", -1},
                                                           {"/run/prune_rounds", 1},
                                                           {"/run/prune_rounds", 3},
                                                           {"/run/events", json::array()},
                                                           {"/run/events/0/stage", -1},
                                                           {"/run/events/0/stage", 1},
                                                           {"/run/events/4/stage", 3},
                                                           {"/run/events/4/stage", 99},
                                                           {"/run/events/0/kind", "mask"},
                                                           {"/run/events/0/kind", "other"},
                                                           {"/run/best/step", 12},
                                                           {"/run/best/step", -1},
                                                           {"/run/teacher/stage", 0},
                                                           {"/run/teacher/stage", 3},
                                                           {"/run/teacher/file", "../../secret"},
                                                           {"/run/teacher/file", ""},
                                                           {"/optimizer_steps", -1},
                                                           {"/optimizer_steps", 4},
                                                           {"/metrics_lines", -1}};
  for (const auto& [pointer, value] : wrong) expect_refused(pointer, value);
  EXPECT_NE(refusal(good_state(), checkpoint::kManifestVersion, 12).find("state.run.global_step: is 11"),
            std::string::npos);
}

/// A state of the recipe at hand is accepted at every step, and at no other count of rounds.
TEST_F(SavedStateTest, EveryStepOfTheRunFits) {
  for (int64_t step = 1; step <= 8; ++step) {
    json state = good_state();
    const int64_t rounds = step <= 3 ? 1 : 2;
    state["run"]["stage_step"] = state["optimizer_steps"] = step;
    state["run"]["global_step"] = 6 + step;
    state["run"]["prune_rounds"] = rounds;
    if (rounds == 1) state["run"]["events"].erase(4);
    EXPECT_EQ(refusal(state, checkpoint::kManifestVersion, 6 + step), "") << step;
  }
}

}  // namespace
}  // namespace filigree::train
