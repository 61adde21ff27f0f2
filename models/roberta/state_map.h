#pragma once
// Maps a Hugging Face RoBERTa directory to the model. Throws DataError when a tensor of the backbone is missing or has
// the wrong shape. Tensors of the task head that the file lacks are drawn at random from streams keyed by
// (seed, tensor) and listed in report.newly_initialized.
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/nn/model.h"
#include "models/registry.h"

namespace filigree::models::roberta {

std::unique_ptr<nn::Model> load(const std::string& dir, const nlohmann::json& config, const ModelOptions& options,
                                LoadReport& report);

}  // namespace filigree::models::roberta
