#include "dist/mesh.h"

#include <fmt/format.h>

#include <utility>

#include "dist/factory.h"

namespace filigree::dist {
namespace {

/// This rank's group of `size` ranks on one axis. A group of one rank needs no resources of the backend.
std::unique_ptr<Communicator> axis(Communicator& world, int size, int colour, int key, const std::string& name) {
  if (size > 1) return world.split(colour, key, name);
  std::unique_ptr<Communicator> alone = make_single(name);
  alone->set_deadline(world.deadline());
  return alone;
}

}  // namespace

Mesh::Mesh(std::shared_ptr<Communicator> world, int tensor) : world_(std::move(world)) {
  const int size = world_->size(), rank = world_->rank();
  if (tensor < 1 || size % tensor != 0) {
    throw CommError(
        fmt::format("{} ranks cannot form a mesh with tensor-parallel size {}: ranks = data-parallel size x "
                    "tensor-parallel size, so parallel.tensor must divide the number of ranks",
                    size, tensor));
  }
  dp_ = axis(*world_, size / tensor, rank % tensor, rank / tensor, "dp");
  tp_ = axis(*world_, tensor, rank / tensor, rank % tensor, "tp");
}

}  // namespace filigree::dist
