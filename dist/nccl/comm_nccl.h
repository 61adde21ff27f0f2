#pragma once
// The NCCL interface for the factory: it has no NCCL or CUDA types, and a build without NCCL has the same function.
#include <memory>

#include "dist/communicator.h"
#include "dist/roll_call.h"

namespace filigree::dist {

/// An NCCL group of the ranks of `host` (over MPI); this rank uses CUDA device `device`. CPU tensors and barriers go
/// through `host`. Collective. Throws CommError in a build without NCCL.
std::unique_ptr<Communicator> make_nccl(std::unique_ptr<Communicator> host, int world_rank, RollCall& roll_call,
                                        int device);

}  // namespace filigree::dist
