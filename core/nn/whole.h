#pragma once
// From the parts of a tensor that lie on the tensor-parallel ranks to the whole one.
#include <ATen/core/Tensor.h>

#include "core/nn/parameter.h"
#include "dist/communicator.h"

namespace filigree::nn {

/// The tensor of which each rank holds the part that its placement says, on every rank; `local` itself when it is
/// replicated. Collective over tp.
at::Tensor whole_of(const at::Tensor& local, const Placement& placement, dist::Communicator& tp);

}  // namespace filigree::nn
