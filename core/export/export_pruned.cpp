#include "core/export/export_pruned.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/export/export_state.h"

namespace filigree::checkpoint {
namespace {

using nlohmann::json;

// {0}: the stock class.
constexpr const char* kModeling = R"("""{0} with pruned heads and neurons, as filigree exported it.

The linears named in config.filigree["linears"] have the shapes given there, [outputs, inputs]; all else is transformers'.
"""

from torch import nn
from transformers import {0}
from transformers.pytorch_utils import Conv1D


def resize(model, name, outputs, inputs):
    parent_name, _, leaf = name.rpartition(".")
    parent = model.get_submodule(parent_name)
    old = getattr(parent, leaf)
    new = Conv1D(outputs, inputs) if isinstance(old, Conv1D) else nn.Linear(inputs, outputs, bias=old.bias is not None)
    setattr(parent, leaf, new)
    if leaf == "c_attn":
        parent.split_size = outputs // 3
        parent.num_heads = parent.split_size // parent.head_dim
    elif leaf == "query":
        parent.all_head_size = outputs
        parent.num_attention_heads = outputs // parent.attention_head_size


class Pruned{0}({0}):
    def __init__(self, config, *args, **kwargs):
        # With layers that differ, transformers 5.23 lets nothing read the values of the whole model, as {0} does.
        layers = config.to_dict().get("per_layer_config") if hasattr(type(config), "per_layer_config") else None
        if layers:
            config.per_layer_config = None
        super().__init__(config, *args, **kwargs)
        for name, (outputs, inputs) in config.filigree["linears"].items():
            resize(self, name, outputs, inputs)
        if layers:
            config.per_layer_config = layers
)";

const char* auto_class(Task task) {
  switch (task) {
    case Task::masked_lm:
      return "AutoModelForMaskedLM";
    case Task::causal_lm:
      return "AutoModelForCausalLM";
    default:
      return "AutoModelForSequenceClassification";
  }
}

/// {"layer": [removed heads]} for the layers that lost any.
json heads_gone(nn::Model& model) {
  json gone = json::object();
  for (const nn::StructureGroup& group : model.structures()) {
    if (group.kind != nn::StructureKind::head || group.left() == group.total) continue;
    json& of_layer = gone[std::to_string(group.layer)] = json::array();
    for (int64_t head = 0; head < group.total; ++head) {
      if (!std::binary_search(group.kept.begin(), group.kept.end(), head)) of_layer.push_back(head);
    }
  }
  return gone;
}

/// {"layer": {key: units left}} for the layers for which the stock class would build other shapes.
json layers_that_differ(nn::Model& model) {
  json layers = json::object();
  for (const nn::StructureGroup& group : model.structures()) {
    const bool head = group.kind == nn::StructureKind::head;
    if (group.left() == group.total || (!head && common_width(model) != 0)) continue;
    layers[std::to_string(group.layer)][head ? model.heads_key() : model.ffn_width_key()] = group.left();
  }
  return layers;
}

/// FFN neurons per layer before any prune, which the config's own key no longer holds.
int64_t unpruned_width(nn::Model& model) {
  int64_t width = 0;
  for (const nn::StructureGroup& group : model.structures())
    if (group.kind == nn::StructureKind::neuron) width = group.total;
  return width;
}

/// Shapes of all linears in a structure group.
json linear_shapes(nn::Model& model) {
  json shapes = json::object();
  for (const nn::StructureGroup& group : model.structures()) {
    for (const nn::StructureMember& member : group.members) {
      const nn::FileLinear place = model.file_linear(member.linear->name());
      std::vector<int64_t> shape = member.linear->weight()->logical_shape;
      shape[static_cast<size_t>(member.dim)] = group.left() * group.unit;
      shapes[place.name] = {shape[0] * place.parts, shape[1]};
    }
  }
  return shapes;
}

}  // namespace

bool is_pruned(nn::Model& model) {
  const auto& structures = model.structures();
  return std::any_of(structures.begin(), structures.end(),
                     [](const auto& group) { return group.left() != group.total; });
}

void add_pruned_config(nn::Model& model, json& config) {
  if (!is_pruned(model)) return;
  json kept = kept_units(model);
  if (common_width(model) != 0) kept["ffn_width"] = unpruned_width(model);
  kept["linears"] = linear_shapes(model);
  config["filigree"] = std::move(kept);
  if (json gone = heads_gone(model); !gone.empty()) config["pruned_heads"] = std::move(gone);
  if (json layers = layers_that_differ(model); !layers.empty()) config["per_layer_config"] = std::move(layers);
  std::string module(kModelingFile);
  module.resize(module.rfind('.'));
  config["auto_map"] = {{auto_class(model.task()), fmt::format("{}.Pruned{}", module, model.architecture())}};
}

std::string modeling_code(nn::Model& model) {
  std::string code(kModeling);
  const std::string name = model.architecture();
  for (size_t at = code.find("{0}"); at != std::string::npos; at = code.find("{0}", at + name.size()))
    code.replace(at, 3, name);
  return code;
}

}  // namespace filigree::checkpoint
