#pragma once
// Tensor parallelism applied to a model, which knows nothing of it: its shard plan says which linears are cut which
// way, its structure groups where, and the hooks of the linears take the conjugate ops (dist/tensor_parallel.h).
//
//   column   query, key, value, FFN-in: rows of the units held here; input hook copy_to
//   row      attention-out, FFN-out: columns of the units held here; output hook reduce_from
//   vocab    word embedding (output hook reduce_from) and the decoder tied to it (input hook copy_to; its loss and its
//            whole logits by dist::vocabulary_cross_entropy and gather_from)
//
// Linears that take the same tensor (query, key and value) share one copy_to, so a layer has two all-reduces each way.
#include <cstdint>

#include "core/nn/model.h"
#include "dist/communicator.h"

namespace filigree::train {

/// Leaves of each tensor the part that rank `rank` of `size` holds: placements, local tensors and the groups' shares.
/// Needs no communicator, so that `plan` can look at any rank of any mesh.
void cut(nn::Model& model, int64_t rank, int64_t size);

/// Puts the ops of `tp` into the hooks of a model that was cut. tp must outlive the model.
void connect(nn::Model& model, dist::Communicator& tp);

/// Whether `pattern` names `name`, dot by dot; '*' is any one word.
bool matches(const std::string& pattern, const std::string& name);

}  // namespace filigree::train
