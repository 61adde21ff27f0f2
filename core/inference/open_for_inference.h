#pragma once
// A model opened for eval, predict or bench on this run's ranks, with device, precision and communicators set up.
#include <memory>
#include <string>
#include <vector>

#include "core/run/agreement.h"
#include "core/run/open_model.h"
#include "core/train/evaluate.h"
#include "dist/factory.h"
#include "dist/mesh.h"

namespace filigree::train {

struct InferenceModel {
  OpenedModel opened;
  std::shared_ptr<dist::Mesh> mesh;
  EvalOptions options;
};

/// Refuses a model whose files lack parameters; rank 0 prints which tensors were not used.
/// given: what must be the same on all ranks in addition to the program and the model, such as the arguments.
/// task: none keeps the model's.
/// tensor: ranks that share one copy of the model. More than one needs a merged model (a final model or an
/// export, not a checkpoint with updates or masks); each rank reads all of it before it keeps its shard.
/// Precision and device are those of the run that produced the model, else fp32 on CUDA if there is one.
InferenceModel open_for_inference(const std::string& path, const Registries& registries,
                                  const dist::Environment& environment, std::vector<Subject> given,
                                  std::optional<Task> task = std::nullopt, int64_t tensor = 1);

/// Checks that all ranks evaluate the same set. Collective.
void require_same_data(const data::Dataset& dataset, dist::Communicator& world);

}  // namespace filigree::train
