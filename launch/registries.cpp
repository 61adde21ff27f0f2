#include "launch/registries.h"

#include "models/registry.h"

namespace filigree::launch {
namespace {

std::unique_ptr<nn::Model> load_model(const std::string& dir, const train::ModelRequest& request) {
  models::ModelOptions options;
  options.task = request.keep_task ? models::stored_task(dir) : request.task;
  options.label_names = request.labels;
  options.num_labels = static_cast<int64_t>(request.labels.size());
  if (options.task == Task::regression) options.num_labels = 1;
  options.dropout = request.dropout;
  options.pretrained = !request.random_init;
  options.shapes_only = request.shapes_only;
  options.seed = request.seed;
  options.shard = request.shard;
  options.reset_head = request.reset_head;
  options.trains = request.trains;
  return models::load_model(dir, options, request.report);
}

}  // namespace

train::Registries make_registries() {
  return {adapt::builtin_methods(), data::builtin_formats(), prune::builtin_scores(), load_model};
}

}  // namespace filigree::launch
