#pragma once
// What a bench does with a run: start it, resume it, use its result, or refuse to touch it.
#include <optional>
#include <string>

#include "core/bench/saved_run.h"
#include "core/enum_names.h"

namespace filigree::bench {

enum class Action {
  start,
  resume,  ///< from its newest checkpoint
  repeat,  ///< it failed; it resumes if it has a checkpoint
  reuse,   ///< it is done
  refuse,  ///< its directory holds a run of another recipe
};
constexpr std::array<EnumName<Action>, 5> enum_names(Action) {
  return {{{Action::start, "start"},
           {Action::resume, "resume"},
           {Action::repeat, "repeat"},
           {Action::reuse, "done"},
           {Action::refuse, "refuse"}}};
}

/// What the output directory has of a run.
struct Found {
  std::optional<SavedRun> saved;
  bool has_progress = false;  ///< its directory has a checkpoint or a final model
  std::string difference;     ///< of its recipe and number of ranks from those of the list; empty: none
};

/// A run that has neither a result nor progress may be of any recipe: nothing is lost.
Action decide(const Found& found);

}  // namespace filigree::bench
