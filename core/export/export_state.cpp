// What an export writes: config.json and the merged weights, zero-filled to the original shapes if the format
// requires it.
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/export/export_pruned.h"
#include "core/export/export_state.h"
#include "core/nn/adapter.h"
#include "core/nn/full_tensor.h"

namespace filigree::checkpoint {
namespace {

std::set<std::string> added_parameters(nn::Model& model) {
  std::set<std::string> names;
  for (const nn::Linear* linear : model.linears()) {
    for (const nn::ParameterPtr& parameter : linear->added_parameters()) names.insert(parameter->name);
  }
  return names;
}

/// Original indices of a member's remaining rows or columns.
at::Tensor original_lines(const nn::StructureGroup& group) {
  std::vector<int64_t> lines;
  for (const int64_t unit : group.kept) {
    for (int64_t i = 0; i < group.unit; ++i) lines.push_back(unit * group.unit + i);
  }
  return at::tensor(lines, at::kLong);
}

void fill_up(at::Tensor& tensor, int64_t dim, const nn::StructureGroup& group, const at::Tensor& lines) {
  std::vector<int64_t> shape = tensor.sizes().vec();
  shape[static_cast<size_t>(dim)] = group.total * group.unit;
  tensor = at::zeros(shape, tensor.options()).index_copy(dim, lines, tensor);
}

/// Erases what applies only to the base's files: their origin, writer, code and number format.
void erase_base_keys(nlohmann::json& config) {
  constexpr const char* kKeys[] = {"attn_implementation", "auto_map",         "compression_config",
                                   "custom_pipelines",    "filigree",         "finetuning_task",
                                   "name_or_path",        "per_layer_config", "pruned_heads",
                                   "quantization_config", "torch_dtype",      "transformers_version"};
  for (const char* key : kKeys) config.erase(key);
  for (auto it = config.begin(); it != config.end();) it = it.key().starts_with('_') ? config.erase(it) : std::next(it);
}

}  // namespace

int64_t common_width(nn::Model& model) {
  int64_t width = 0;
  for (const nn::StructureGroup& group : model.structures()) {
    if (group.kind != nn::StructureKind::neuron) continue;
    if (width != 0 && group.left() != width) return 0;
    width = group.left();
  }
  return width;
}

nlohmann::json kept_units(nn::Model& model) {
  nlohmann::json heads = nlohmann::json::array(), neurons = nlohmann::json::array();
  for (const nn::StructureGroup& group : model.structures()) {
    (group.kind == nn::StructureKind::head ? heads : neurons).push_back(group.kept);
  }
  return {{"heads", std::move(heads)}, {"neurons", std::move(neurons)}};
}

NamedTensors merged_state(nn::Model& model, dist::Communicator& tp) {
  const std::set<std::string> of_adapters = added_parameters(model);
  std::map<std::string, const nn::Linear*> linears;
  for (const nn::Linear* linear : model.linears()) linears.emplace(linear->weight()->name, linear);
  NamedTensors state;
  for (const nn::ParameterPtr& parameter : model.parameters()) {
    const bool weight = parameter->role == nn::Role::frozen || parameter->role == nn::Role::trainable;
    if (!weight || of_adapters.contains(parameter->name)) continue;
    const auto linear = linears.find(parameter->name);
    at::Tensor value = linear == linears.end() ? parameter->value().detach() : linear->second->merged_weight();
    value = nn::full_tensor(value, parameter->placement, tp);
    if (tp.rank() != 0) continue;
    state.emplace_back(parameter->name, value.to(at::kCPU, at::kFloat).contiguous());
  }
  return state;
}

bool zero_fill(nn::Model& model, NamedTensors& state) {
  std::map<std::string, at::Tensor*> by_name;
  for (auto& [name, tensor] : state) by_name.emplace(name, &tensor);
  const bool one_width = common_width(model) != 0;
  bool filled = false;
  for (const nn::StructureGroup& group : model.structures()) {
    if (group.left() == group.total || (group.kind == nn::StructureKind::neuron && one_width)) continue;
    const at::Tensor lines = original_lines(group);
    for (const nn::StructureMember& member : group.members) {
      fill_up(*by_name.at(member.linear->weight()->name), member.dim, group, lines);
      if (member.dim == 0 && member.linear->bias()) fill_up(*by_name.at(member.linear->bias()->name), 0, group, lines);
    }
    filled = true;
  }
  return filled;
}

nlohmann::json export_config(nn::Model& model, ExportFormat format, const std::string& dtype) {
  nlohmann::json config = model.config();
  erase_base_keys(config);
  config["architectures"] = {model.architecture()};
  if (is_over_tokens(model.task())) {
    for (const char* key : {"problem_type", "id2label", "label2id", "num_labels"}) config.erase(key);
  } else {
    config["problem_type"] = model.task() == Task::regression ? "regression" : "single_label_classification";
  }
  config["dtype"] = dtype;
  if (format == ExportFormat::filigree) {
    if (is_pruned(model)) config["filigree"] = kept_units(model);
    return config;
  }
  if (const int64_t width = common_width(model); width != 0) config[model.ffn_width_key()] = width;
  if (format == ExportFormat::hf_pruned) add_pruned_config(model, config);
  return config;
}

}  // namespace filigree::checkpoint
