#pragma once
// config.json of a BERT.
#include "models/common/encoder_config.h"

namespace filigree::models::bert {

/// `file` is for messages.
EncoderConfig parse_config(const nlohmann::json& json, const std::string& file, const ModelOptions& options);

}  // namespace filigree::models::bert
