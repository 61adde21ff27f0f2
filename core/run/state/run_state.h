#pragma once
// The progress of a run, as a checkpoint stores it.
//
// The model of a run is its base weights plus what happened to them since, in order: a method was attached,
// units were pruned, entries were masked. Resuming replays these events on newly loaded base weights (which
// gives every tensor its shape) and then overwrites the values of `touched` parameters from the checkpoint.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace filigree::train {

struct Event {
  enum class Kind { attach, prune, mask };
  Kind kind = Kind::attach;
  int64_t stage = 0;    ///< index of the recipe's stage
  nlohmann::json plan;  ///< prune: the PrunePlan; mask: prune::names_of_masks()
};

struct Best {
  std::string metric;
  std::string split;  ///< on which it was measured; empty in older checkpoints
  double value = 0;
  int64_t step = 0;
};

/// The logits that `distill` learns from: a file in the run's cache/, written before a prune stage.
struct Teacher {
  int64_t stage = 0;  ///< index of the prune stage
  std::string file;   ///< its name in cache/
  std::string xxh3;   ///< of its bytes
};

/// A checkpoint that a later stage rewinds to, so that it is kept until then.
struct Pin {
  int64_t stage = 0;        ///< index of the stage that it belongs to
  int64_t stage_step = 0;   ///< steps done in that stage
  int64_t global_step = 0;  ///< of the checkpoint
};

/// Its path in a run directory.
std::string teacher_file(const std::string& run_dir, const Teacher& teacher);

struct RunState {
  int64_t stage = 0;         ///< index of the stage in progress (= number of stages when the run is complete)
  int64_t stage_step = 0;    ///< optimizer steps done in it
  int64_t global_step = 0;   ///< optimizer steps over all stages; a prune without training counts as one
  int64_t prune_rounds = 0;  ///< rounds done in the stage in progress
  std::vector<Event> events;
  bool recipe_changed = false;    ///< part of the history was made with a different recipe
  std::set<std::string> touched;  ///< parameters that were ever trained and may differ from the base
  std::optional<Best> best;
  /// The evaluation that belongs to this step failed and is repeated on resume: its data may have been repaired.
  bool evaluation_due = false;
  std::vector<Pin> pins;
  std::optional<Teacher> teacher;  ///< of the latest prune stage before a stage with `distill`
};

nlohmann::json to_json(const RunState& state);
/// DataError names the key of a value that is missing, has the wrong type or is out of range. where: "path: state.run".
RunState run_state_from(const nlohmann::json& json, const std::string& where);

}  // namespace filigree::train
