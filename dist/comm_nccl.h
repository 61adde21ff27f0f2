#pragma once
// NCCL as the factory sees it: no NCCL or CUDA type appears here, and a build without NCCL has the same function.
#include <memory>

#include "dist/communicator.h"
#include "dist/roll_call.h"

namespace filigree::dist {

/// The ranks of `host` (over MPI) as an NCCL group, this rank on CUDA device `device`. CPU tensors and barriers go
/// through `host`. Collective. Throws CommError in a build without NCCL.
std::unique_ptr<Communicator> make_nccl(std::unique_ptr<Communicator> host, int world_rank, RollCall& roll_call,
                                        int device);

}  // namespace filigree::dist
