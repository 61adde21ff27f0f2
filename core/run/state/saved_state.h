#pragma once
// The state in a checkpoint's manifest: everything in a checkpoint that is not a tensor. The manifest's
// checksum detects damage; here every value is checked for its type and range, and against the recipe that
// resumes it.
//
// Version 3 added hashes of the base's files, the evaluation data, the teacher's logits and metrics.jsonl.
// Versions 1 and 2 can be read; what they lack is not compared.
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
  std::string decisive;             ///< run_recipe() of it
  Origin origin;                    ///< versions 1 and 2: only base and train
  std::vector<std::string> labels;  ///< names by class number
  int64_t metrics_lines = 0;        ///< of metrics.jsonl
  std::string metrics_digest;       ///< RunLog::digest() of these lines; empty in versions 1 and 2
  int64_t optimizer_steps = 0;      ///< of the stage in progress
};

nlohmann::json to_json(const SavedState& state);

/// DataError names the key that is missing, has the wrong type or is out of range.
SavedState saved_state(const checkpoint::Loaded& loaded);

/// DataError if the state cannot be that of a run of this recipe: an event of a stage that does not exist,
/// more steps than the stage has. same_recipe: the recipe is the checkpoint's own, so that all counts are
/// known exactly. samples: of the training set, if known.
void check_fits(const SavedState& state, const recipe::Recipe& recipe, bool same_recipe, std::optional<int64_t> samples,
                const std::string& checkpoint);

}  // namespace filigree::train
