#pragma once
// Gradients of some training batches, for scores and supports that read data.
#include <cstdint>
#include <string>

#include "core/nn/weight_gradients.h"
#include "core/run/session.h"

namespace filigree::train {

/// Batches of the stage's training data, without dropout, in the random order of `stream`. They refer to the session.
nn::GradientBatches gradient_batches(Session& session, int64_t batches, int64_t batch_size, const std::string& stream);

}  // namespace filigree::train
