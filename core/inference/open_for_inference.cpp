#include "core/inference/open_for_inference.h"

#include "core/checkpoint/manifest.h"
#include "core/counted.h"
#include "core/error.h"
#include "core/parallel/parallelize.h"
#include "core/parallel/precision.h"
#include "core/run/open_session.h"
#include "core/run/origin.h"

namespace filigree::train {

namespace {

void shard(nn::Model& model, dist::Communicator& tp, const std::string& path) {
  for (const nn::Linear* linear : model.linears())
    if (linear->adapter() || linear->mask() || linear->transform())
      throw UsageError(fmt::format(
          "{}: contains updates or masks, which --tensor cannot shard; use its final model or an export", path));
  shard_model(model, tp.rank(), tp.size());
  for (const nn::ParameterPtr& parameter : model.parameters()) parameter->set_value(parameter->value().clone());
  install_tp_hooks(model, tp);
}

constexpr const char* kSameFiles =
    "Give all ranks the same files: copy them again, or use a folder that all hosts share";

/// The model by content: weights, configuration, tokenizer, and the checkpoint's manifest.
Subject model_subject(const OpenedModel& opened, dist::Communicator& ranks) {
  Subject subject{"model", kSameFiles, 3, {}};
  if (ranks.size() == 1) return subject;
  const bool from_nothing = !opened.checkpoint.empty() && opened.recipe->model.init == recipe::InitialWeights::random;
  if (!from_nothing) subject.facts.push_back({"weights of " + opened.files, weights_hash(ranks, opened.files)});
  for (const auto& [name, hash] : model_file_hashes(opened.files))
    subject.facts.push_back({opened.files + "/" + name, hash});
  if (!opened.checkpoint.empty())
    subject.facts.push_back({opened.checkpoint, checkpoint::manifest_hash(opened.checkpoint)});
  return subject;
}

}  // namespace

void require_same_data(const data::Dataset& dataset, dist::Communicator& world) {
  require_agreement(world, {{"set of files", kSameFiles, 3, {{dataset.split + " set", data_hash(dataset)}}}});
}

InferenceModel open_for_inference(const std::string& path, const Registries& registries,
                                  const dist::Environment& environment, std::vector<Subject> given,
                                  std::optional<Task> task, int64_t tensor) {
  InferenceModel served;
  recipe::ParallelConfig parallel;
  given.insert(given.begin(), program_subject());
  require_agreement(environment.control(parallel.timeout), given);
  served.opened = open_model(path, registries, task);
  refuse_random_parameters(served.opened);
  if (environment.world_rank() == 0) print_findings(served.opened);
  parallel.precision = recipe::Precision::fp32;
  if (served.opened.recipe) parallel = served.opened.recipe->parallel;
  const auto device = choose_device(parallel.device, environment.local_rank());
  served.options.compute = choose_precision(parallel.precision, device);
  auto& control = environment.control(parallel.timeout);
  std::vector<Subject> found{model_subject(served.opened, control), device_subject(device, served.options.compute)};
  if (served.opened.recipe) found.push_back(recipe_subject(*served.opened.recipe));
  require_agreement(control, found);
  // The run may have had other ranks: its backend is used where it can be.
  if (!environment.why_not(std::string(enum_name(parallel.backend))).empty())
    parallel.backend = recipe::Backend::automatic;
  std::shared_ptr<dist::Communicator> world = open_world(parallel, environment, device.is_cuda());
  choose_threads(*world);
  if (world->size() % tensor != 0)
    throw UsageError(
        fmt::format("the job has {}, which is not a multiple of {}, the ranks that share one copy of the model",
                    counted(world->size(), "rank"), tensor));
  served.mesh = std::make_shared<dist::Mesh>(std::move(world), static_cast<int>(tensor));
  served.opened.model->to(device);
  served.opened.model->parameters().set_frozen_dtype(served.options.compute);
  if (tensor > 1) shard(*served.opened.model, served.mesh->tp(), path);
  return served;
}

}  // namespace filigree::train
