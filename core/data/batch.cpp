#include "core/data/batch.h"

#include "core/data/to_device.h"

namespace filigree::data {

Batch to(const Batch& batch, at::Device device) {
  Batch out = batch;
  for (at::Tensor* tensor : {&out.ids, &out.type_ids, &out.positions, &out.labels, &out.predicted})
    if (tensor->defined()) *tensor = to_device(*tensor, device);
  return out;
}

}  // namespace filigree::data
