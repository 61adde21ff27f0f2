#include "core/train/serve.h"

#include "core/error.h"
#include "core/train/open_session.h"
#include "core/train/parallelize.h"
#include "core/train/precision.h"

namespace filigree::train {

namespace {

void share_out(nn::Model& model, dist::Communicator& tp, const std::string& path) {
  for (const nn::Linear* linear : model.linears())
    if (linear->adapter() || linear->mask())
      throw UsageError(fmt::format(
          "{}: holds updates or masks, which --tensor cannot share out; name its final model or an export", path));
  cut(model, tp.rank(), tp.size());
  for (const nn::ParameterPtr& parameter : model.parameters()) parameter->value = parameter->value.clone();
  connect(model, tp);
}

}  // namespace

ServedModel serve(const std::string& path, const Plugins& plugins, const dist::Environment& environment,
                  const std::string& task, int64_t tensor) {
  ServedModel served;
  served.opened = open_model(path, plugins, task);
  refuse_random_parameters(served.opened);
  if (environment.world_rank() == 0) print_findings(served.opened);
  recipe::ParallelConfig parallel;
  parallel.precision = "fp32";
  if (served.opened.recipe) parallel = served.opened.recipe->parallel;
  const auto device = choose_device(parallel.device, environment.local_rank());
  std::shared_ptr<dist::Communicator> world = environment.world(parallel.backend, device.is_cuda(), parallel.timeout);
  choose_threads(*world);
  if (world->size() % tensor != 0)
    throw UsageError(fmt::format("{} ranks cannot share copies of the model by {}", world->size(), tensor));
  served.mesh = std::make_shared<dist::Mesh>(std::move(world), static_cast<int>(tensor));
  served.options.compute = choose_precision(parallel.precision, device);
  served.opened.model->to(device);
  served.opened.model->parameters().set_frozen_dtype(served.options.compute);
  if (tensor > 1) share_out(*served.opened.model, served.mesh->tp(), path);
  return served;
}

}  // namespace filigree::train
