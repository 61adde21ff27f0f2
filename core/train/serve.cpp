#include "core/train/serve.h"

#include "core/train/open_session.h"

namespace filigree::train {

ServedModel serve(const std::string& path, const Plugins& plugins, const dist::Environment& environment,
                  const std::string& task) {
  ServedModel served;
  served.opened = open_model(path, plugins, task);
  recipe::ParallelConfig parallel;
  parallel.precision = "fp32";
  if (served.opened.recipe) parallel = served.opened.recipe->parallel;
  const auto device = choose_device(parallel.device, environment.local_rank());
  std::shared_ptr<dist::Communicator> world = environment.world(parallel.backend, device.is_cuda(), parallel.timeout);
  choose_threads(*world);
  served.mesh = std::make_shared<dist::Mesh>(std::move(world), 1);
  served.options.compute = parallel.precision == "bf16" ? at::kBFloat16 : at::kFloat;
  served.opened.model->to(device);
  served.opened.model->parameters().set_frozen_dtype(served.options.compute);
  return served;
}

}  // namespace filigree::train
