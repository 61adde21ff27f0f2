#pragma once
// A model opened for eval, predict or bench on this run's ranks: device, precision and communicators in place.
#include <memory>
#include <string>

#include "core/train/evaluate.h"
#include "core/train/open_model.h"
#include "dist/factory.h"
#include "dist/mesh.h"

namespace filigree::train {

struct ServedModel {
  OpenedModel opened;
  std::shared_ptr<dist::Mesh> mesh;
  EvalOptions options;
};

/// Refuses a model of which the files lack a part; prints on rank 0 which tensors were not used.
/// task: "" keeps the model's. tensor: ranks that share one copy of the model; it must be whole (no checkpoint with
/// updates or masks, whose export it may be), and each rank reads all of it before it keeps its part. Precision and
/// device are those of the run that made it, else fp32 on CUDA when there is one.
ServedModel serve(const std::string& path, const Plugins& plugins, const dist::Environment& environment,
                  const std::string& task = "", int64_t tensor = 1);

}  // namespace filigree::train
