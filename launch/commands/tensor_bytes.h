#pragma once
// Counts the bytes of live CPU tensors, with an allocator around LibTorch's own. It adds every tensor made while a
// TensorBytes lives, and subtracts it when it is freed, even after that. Tensors made before are not counted.
#include <c10/core/Allocator.h>

#include <cstdint>
#include <memory>

namespace filigree::launch {

class TensorBytes {
 public:
  TensorBytes();   ///< installs its allocator
  ~TensorBytes();  ///< restores the previous one
  TensorBytes(const TensorBytes&) = delete;
  TensorBytes& operator=(const TensorBytes&) = delete;

  uint64_t now() const;
  uint64_t peak() const;  ///< maximum since the start or the last restart()
  void restart();         ///< resets the peak to now()

 private:
  class Counting;
  c10::Allocator* former_;
  std::unique_ptr<Counting> counting_;
};

}  // namespace filigree::launch
