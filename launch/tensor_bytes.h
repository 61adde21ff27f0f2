#pragma once
// Counts the bytes of the tensors that live on the CPU, by an allocator around LibTorch's own. While a TensorBytes
// lives, every tensor made is counted, and again when it is freed, even after that; tensors made before are not known.
#include <c10/core/Allocator.h>

#include <cstdint>
#include <memory>

namespace filigree::launch {

class TensorBytes {
 public:
  TensorBytes();   ///< puts its allocator in
  ~TensorBytes();  ///< puts the former one back
  TensorBytes(const TensorBytes&) = delete;
  TensorBytes& operator=(const TensorBytes&) = delete;

  uint64_t now() const;
  uint64_t peak() const;  ///< the most since the start or the last restart()
  void restart();         ///< the peak starts again from what lives now

 private:
  class Counting;
  c10::Allocator* former_;
  std::unique_ptr<Counting> counting_;
};

}  // namespace filigree::launch
