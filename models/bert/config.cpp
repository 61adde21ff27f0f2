#include "models/bert/config.h"

#include "models/common/config_reader.h"

namespace filigree::models::bert {

EncoderConfig parse_config(const nlohmann::json& json, const std::string& file, const ModelOptions& options) {
  EncoderConfig config = parse_encoder_config(json, file, options, {});
  config.padding = static_cast<int64_t>(ConfigReader(json, file).number("pad_token_id", 0, -1, config.vocab_size - 1));
  return config;
}

}  // namespace filigree::models::bert
