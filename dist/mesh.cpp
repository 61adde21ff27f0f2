#include "dist/mesh.h"

#include <fmt/format.h>

#include <utility>

namespace filigree::dist {

Mesh::Mesh(std::shared_ptr<Communicator> world, int tensor) : world_(std::move(world)) {
  const int size = world_->size(), rank = world_->rank();
  if (tensor < 1 || size % tensor != 0) {
    throw CommError(
        fmt::format("{} ranks cannot form a mesh with tensor-parallel size {}: ranks = data-parallel size x "
                    "tensor-parallel size, so parallel.tensor must divide the number of ranks",
                    size, tensor));
  }
  dp_ = world_->split(rank % tensor, rank / tensor, "dp");
  tp_ = world_->split(rank / tensor, rank % tensor, "tp");
}

}  // namespace filigree::dist
