#pragma once
// Maps a Hugging Face GPT-2 directory to the model: names with or without "transformer.", matrices stored as [in, out],
// query, key and value fused in this order into c_attn, a newly initialized score head, a language-modeling head that
// is tied or not.
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/nn/model.h"
#include "models/registry.h"

namespace filigree::models::gpt2 {

std::unique_ptr<nn::Model> load(const std::string& dir, const nlohmann::json& config, const ModelOptions& options,
                                LoadReport& report);

}  // namespace filigree::models::gpt2
