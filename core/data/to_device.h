#pragma once
// Host data on its way to the device without a wait of the host: a plain Tensor::to() from pageable memory makes the
// host wait until the device has done all that was put on its stream before.
#include <ATen/core/Tensor.h>

namespace filigree {

/// `host` on `device`; itself when it lies there. To CUDA the copy goes through pinned memory, in the order of the
/// current stream, and the host goes on at once (the allocator keeps the pinned memory until the copy is done).
inline at::Tensor to_device(const at::Tensor& host, at::Device device) {
  if (!device.is_cuda() || !host.is_cpu()) return host.to(device);
  return host.pin_memory().to(device, host.scalar_type(), /*non_blocking=*/true);
}

}  // namespace filigree
