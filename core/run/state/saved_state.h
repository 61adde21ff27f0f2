#pragma once
// The state of a checkpoint's manifest: all that a checkpoint says besides tensors. A manifest's checksum finds damage;
// here every value is checked for its type and range, and against the recipe that is to continue it.
//
// Version 3 names the base's files, the evaluation data, the teacher's logits and the text of metrics.jsonl. Versions 1
// and 2 are read; what they do not name is not compared.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/checkpoint/store.h"
#include "core/recipe/recipe.h"
#include "core/run/origin.h"
#include "core/run/state/run_state.h"

namespace filigree::train {

struct SavedState {
  RunState run;
  std::string recipe;               ///< resolved
  std::string decisive;             ///< decisive_recipe() of it
  Origin origin;                    ///< versions 1 and 2: base and train alone
  std::vector<std::string> labels;  ///< names by class number
  int64_t metrics_lines = 0;        ///< of metrics.jsonl
  std::string metrics_digest;       ///< RunLog::digest() of these lines; empty in versions 1 and 2
  int64_t optimizer_steps = 0;      ///< of the stage in progress
};

nlohmann::json to_json(const SavedState& state);

/// DataError names the key that is missing, has another type or is out of range.
SavedState saved_state(const checkpoint::Loaded& loaded);

/// DataError when the state cannot be one of a run of this recipe: an event of a stage that does not exist, more steps
/// than the stage has. same_recipe: the recipe is the checkpoint's own, so that all counts are known exactly.
/// samples: of the training set, where it is known.
void check_fits(const SavedState& state, const recipe::Recipe& recipe, bool same_recipe, std::optional<int64_t> samples,
                const std::string& checkpoint);

}  // namespace filigree::train
