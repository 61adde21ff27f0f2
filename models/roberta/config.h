#pragma once
// config.json of a RoBERTa: BERT's keys, one token type, positions that are counted from behind the padding token's id.
#include "models/common/encoder_config.h"

namespace filigree::models::roberta {

/// `file` is for messages.
EncoderConfig parse_config(const nlohmann::json& json, const std::string& file, const ModelOptions& options);

}  // namespace filigree::models::roberta
