#pragma once
// Applies tensor parallelism to a model from the outside: the model's shard plan determines how each linear is split,
// its structure groups determine where, and the linears' hooks run the conjugate ops (dist/tensor_parallel.h).
//
//   column   query, key, value, FFN-in: rows of the units held here; input hook copy_to
//   row      attention-out, FFN-out: columns of the units held here; output hook reduce_from
//   vocab    word embedding (output hook reduce_from) and the decoder tied to it (input hook copy_to; its loss and its
//            full logits by dist::vocabulary_cross_entropy and gather_from)
//
// Linears with the same input (query, key and value) share one copy_to, so a layer has two all-reduces per direction.
#include <cstdint>

#include "core/nn/model.h"
#include "dist/communicator.h"

namespace filigree::train {

/// Reduces each tensor to the part of rank `rank` of `size`; sets placements, local tensors and the groups'
/// shares. Needs no communicator, so `plan` can inspect any rank of any mesh.
void shard_model(nn::Model& model, int64_t rank, int64_t size);

/// Installs the ops of `tp` in the hooks of a model after shard_model(). tp must outlive the model.
void install_tp_hooks(nn::Model& model, dist::Communicator& tp);

/// Whether `pattern` matches `name` word by word, split at dots; '*' matches any one word.
bool matches(const std::string& pattern, const std::string& name);

}  // namespace filigree::train
