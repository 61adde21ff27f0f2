#include "launch/plugins.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "models/registry.h"

namespace filigree::launch {
namespace {

/// The task of a model directory, from the architecture and the kind of problem that its config.json names.
nn::Task task_of(const std::string& dir) {
  std::ifstream in(dir + "/config.json");
  const auto config = nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) return nn::Task::sequence_classification;  // load_model says what is wrong with the file
  const auto architectures = config.value("architectures", nlohmann::json::array());
  for (const auto& name : architectures) {
    if (!name.is_string()) continue;
    if (name.get<std::string>().ends_with("ForMaskedLM")) return nn::Task::masked_lm;
    if (name.get<std::string>().ends_with("LMHeadModel")) return nn::Task::causal_lm;
  }
  if (config.value("problem_type", nlohmann::json()) == "regression") return nn::Task::regression;
  return nn::Task::sequence_classification;
}

std::unique_ptr<nn::Model> load_model(const std::string& dir, const train::ModelRequest& request) {
  models::ModelOptions options;
  options.task = request.keep_task ? task_of(dir) : request.task;
  options.label_names = request.labels;
  options.num_labels = static_cast<int64_t>(request.labels.size());
  if (options.task == nn::Task::regression) options.num_labels = 1;
  options.dropout = request.dropout;
  options.pretrained = !request.random_init;
  options.shapes_only = request.shapes_only;
  options.seed = request.seed;
  options.cut = request.cut;
  return models::load_model(dir, options);
}

}  // namespace

train::Plugins make_plugins() { return {adapt::builtin_methods(), load_model}; }

}  // namespace filigree::launch
