#pragma once
// Export format hf_pruned: transformers loads a pruned model in its small shapes.
//
// transformers 4 reads "pruned_heads" from config.json, {"layer": [original numbers of the removed heads]},
// and one FFN width for all layers. transformers 5 no longer has head pruning
// (huggingface/transformers#41417). Neither supports a separate width per layer. Both load the directory with
// trust_remote_code=True: its modeling file gives the linears of the stock class the shapes that follow from
// per_layer_config.
//
// "per_layer_config" lists the layers that differ from what the stock class builds. From transformers 5.23 on, the
// stock class then raises an error instead of building other shapes; earlier versions ignore the key. The modeling file
// takes the key off the configuration while the stock class builds the model.
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/nn/model.h"

namespace filigree::checkpoint {

inline constexpr const char* kModelingFile = "modeling_filigree.py";

/// Whether any head or neuron was removed.
bool is_pruned(nn::Model& model);

/// Adds to an export's config.json, which already has a common FFN width: pruned_heads, auto_map,
///   "per_layer_config": {"layer": {heads_key(): heads left, ffn_width_key(): neurons left, unless the width is common}}
///                       for the layers that differ,
/// and
///   "filigree": {"heads": [[numbers kept]...], "neurons": the same, "ffn_width": neurons per layer before any prune, if
///                the width is common, "linears": the linears of these layers, {"name in the files": {"layer": number,
///                "key": of per_layer_config, "side": "outputs" or "inputs", "per_unit": rows or columns per unit}...}}.
void add_pruned_config(nn::Model& model, nlohmann::json& config);

/// The text of kModelingFile.
std::string modeling_code(nn::Model& model);

}  // namespace filigree::checkpoint
