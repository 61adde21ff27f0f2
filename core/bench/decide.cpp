#include "core/bench/decide.h"

namespace filigree::bench {

Action decide(const Found& found) {
  const bool done = found.saved && found.saved->status == Status::done;
  if (!found.difference.empty() && (done || found.has_progress)) return Action::refuse;
  if (done) return Action::reuse;
  if (found.saved && found.saved->status == Status::failed) return Action::repeat;
  return found.has_progress ? Action::resume : Action::start;
}

}  // namespace filigree::bench
