#pragma once
// The mesh of ranks as one validated value: dp (data-parallel) x tp (tensor-parallel) = world; tp is the inner axis, so
// a tp group stays within one host where possible. Rank r has dp index r / tp and tp index r % tp. An axis of one rank
// is a communicator like the others; nothing is sent on it, whatever the backend.
#include <memory>

#include "dist/communicator.h"

namespace filigree::dist {

class Mesh {
 public:
  /// Throws CommError when tp does not divide the world size; the message contains every factor.
  Mesh(std::shared_ptr<Communicator> world, int tensor);

  Communicator& world() const { return *world_; }
  Communicator& dp() const { return *dp_; }  ///< ranks with the same slice of the model
  Communicator& tp() const { return *tp_; }  ///< ranks that share one copy of the model
  int data_parallel() const { return dp_->size(); }
  int tensor_parallel() const { return tp_->size(); }

 private:
  std::shared_ptr<Communicator> world_, dp_, tp_;
};

}  // namespace filigree::dist
