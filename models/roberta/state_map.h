#pragma once
// Between a Hugging Face RoBERTa directory and the model. Throws DataError when a tensor of the backbone is missing or
// has another shape. The task head is drawn at random from streams named by (seed, tensor) and listed in report.fresh.
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/nn/model.h"
#include "models/registry.h"

namespace filigree::models::roberta {

std::unique_ptr<nn::Model> load(const std::string& dir, const nlohmann::json& config, const ModelOptions& options,
                                LoadReport& report);

}  // namespace filigree::models::roberta
