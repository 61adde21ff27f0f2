#pragma once
// config.json of a RoBERTa: BERT's keys; positions count from the padding token's id + 1.
#include "models/common/encoder_config.h"

namespace filigree::models::roberta {

/// `file` is for messages.
EncoderConfig parse_config(const nlohmann::json& json, const std::string& file, const ModelOptions& options);

}  // namespace filigree::models::roberta
