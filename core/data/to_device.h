#pragma once
// Copies host data to the device without blocking the host. A plain Tensor::to() from pageable memory blocks
// the host until the device has finished all earlier work on its stream.
#include <ATen/core/Tensor.h>

namespace filigree {

/// `host` on `device`; `host` itself if it is already there. A copy to CUDA uses pinned memory and the
/// current stream and does not block the host (the allocator keeps the pinned memory until the copy is done).
inline at::Tensor to_device(const at::Tensor& host, at::Device device) {
  if (!device.is_cuda() || !host.is_cpu()) return host.to(device);
  return host.pin_memory().to(device, host.scalar_type(), /*non_blocking=*/true);
}

}  // namespace filigree
