#pragma once
// Gathers the shards of a tensor from the tensor-parallel ranks.
#include <ATen/core/Tensor.h>

#include "core/nn/parameter.h"
#include "dist/communicator.h"

namespace filigree::nn {

/// Returns, on every rank, the full tensor of which each rank holds the shard given by its placement; `local`
/// itself if replicated. Collective over tp.
at::Tensor full_tensor(const at::Tensor& local, const Placement& placement, dist::Communicator& tp);

}  // namespace filigree::nn
