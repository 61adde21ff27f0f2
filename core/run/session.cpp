#include "core/run/session.h"

namespace filigree::train {

nn::ForwardContext Session::forward_context(bool training) const {
  return {training, static_cast<uint64_t>(recipe.seed), state.global_step, compute};
}

}  // namespace filigree::train
