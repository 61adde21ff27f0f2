#pragma once
// A model opened for eval, predict or bench on this run's ranks: device, precision and communicators in place.
#include <memory>
#include <string>
#include <vector>

#include "core/run/agreement.h"
#include "core/run/open_model.h"
#include "core/train/evaluate.h"
#include "dist/factory.h"
#include "dist/mesh.h"

namespace filigree::train {

struct ServedModel {
  OpenedModel opened;
  std::shared_ptr<dist::Mesh> mesh;
  EvalOptions options;
};

/// given: what must be the same on all ranks besides the program and the model, such as the arguments.
/// Refuses a model of which the files lack a part; prints on rank 0 which tensors were not used.
/// task: "" keeps the model's. tensor: ranks that share one copy of the model; it must be whole (no checkpoint with
/// updates or masks, whose export it may be), and each rank reads all of it before it keeps its part. Precision and
/// device are those of the run that made it, else fp32 on CUDA when there is one.
ServedModel serve(const std::string& path, const Plugins& plugins, const dist::Environment& environment,
                  std::vector<Subject> given, const std::string& task = "", int64_t tensor = 1);

/// All ranks evaluate the same set. Collective.
void require_same_data(const data::Dataset& dataset, dist::Communicator& world);

}  // namespace filigree::train
