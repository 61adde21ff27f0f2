#pragma once
// What lets transformers load a pruned model in its small shapes (export format hf_pruned).
//
// transformers 4 reads "pruned_heads" of config.json: {"layer": [original numbers of the heads that are gone]}, and one
// FFN width for all layers. transformers 5 has no head pruning any more (huggingface/transformers#41417), and neither
// has widths of their own for the layers; both load the directory with trust_remote_code=True through the modelling
// file that lies in it, which gives the linears of the stock class the shapes that config.json lists.
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/nn/model.h"

namespace filigree::checkpoint {

inline constexpr const char* kModelingFile = "modeling_filigree.py";

/// Any head or neuron is gone.
bool is_pruned(nn::Model& model);

/// Adds to an export's config.json, which says a common FFN width already: pruned_heads, auto_map, and
///   "filigree": {"heads": [[numbers kept]...], "neurons": the same, where widths differ,
///                "linears": {"name in the files": [outputs, inputs]...}}.
void add_pruned_config(nn::Model& model, nlohmann::json& config);

/// The text of kModelingFile.
std::string modeling_code(nn::Model& model);

}  // namespace filigree::checkpoint
