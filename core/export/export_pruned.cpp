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

config.per_layer_config has, for the layers that differ, the heads or neurons that are left; config.filigree["linears"] has
the linears that follow: their layer, the key of per_layer_config, and how many outputs or inputs a unit has. All else is
transformers'.
"""

from torch import nn
from transformers import {0}
from transformers.pytorch_utils import Conv1D


def resize(model, name, outputs=None, inputs=None):
    parent_name, _, leaf = name.rpartition(".")
    parent = model.get_submodule(parent_name)
    old = getattr(parent, leaf)
    is_conv = isinstance(old, Conv1D)
    shape = old.weight.shape if is_conv else old.weight.shape[::-1]
    inputs, outputs = inputs or shape[0], outputs or shape[1]
    new = Conv1D(outputs, inputs) if is_conv else nn.Linear(inputs, outputs, bias=old.bias is not None)
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
        layers = config.to_dict().get("per_layer_config") or {}
        if layers:
            config.per_layer_config = None
        super().__init__(config, *args, **kwargs)
        for layer, units in layers.items():
            for name, linear in config.filigree["linears"].items():
                if linear["layer"] == int(layer) and linear["key"] in units:
                    resize(self, name, **{linear["side"]: units[linear["key"]] * linear["per_unit"]})
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

/// The key of config.json that has the number of the group's units.
std::string units_key(const nn::Model& model, const nn::StructureGroup& group) {
  return group.kind == nn::StructureKind::head ? model.heads_key() : model.ffn_width_key();
}

/// {"layer": {key: units left}} for the layers for which the stock class would build other shapes.
json layers_that_differ(nn::Model& model) {
  json layers = json::object();
  for (const nn::StructureGroup& group : model.structures()) {
    const bool head = group.kind == nn::StructureKind::head;
    if (group.left() == group.total || (!head && common_width(model) != 0)) continue;
    layers[std::to_string(group.layer)][units_key(model, group)] = group.left();
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

/// The linears whose shapes follow per_layer_config.
json linears_that_differ(nn::Model& model, const json& layers) {
  json linears = json::object();
  for (const nn::StructureGroup& group : model.structures()) {
    const std::string key = units_key(model, group);
    const auto layer = layers.find(std::to_string(group.layer));
    if (layer == layers.end() || !layer->contains(key)) continue;
    for (const nn::StructureMember& member : group.members) {
      const nn::FileLinear place = model.file_linear(member.linear->name());
      const bool outputs = member.dim == 0;
      linears[place.name] = {{"layer", group.layer},
                             {"key", key},
                             {"side", outputs ? "outputs" : "inputs"},
                             {"per_unit", group.unit * (outputs ? place.parts : 1)}};
    }
  }
  return linears;
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
  json layers = layers_that_differ(model);
  kept["linears"] = linears_that_differ(model, layers);
  config["filigree"] = std::move(kept);
  if (json gone = heads_gone(model); !gone.empty()) config["pruned_heads"] = std::move(gone);
  if (!layers.empty()) config["per_layer_config"] = std::move(layers);
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
