#include "models/bert/config.h"

#include "models/common/config_reader.h"

namespace filigree::models::bert {

EncoderConfig parse_config(const nlohmann::json& json, const std::string& file, const ModelOptions& options) {
  EncoderConfig config = parse_encoder_config(json, file, options, {});
  const ConfigReader in(json, file);
  config.padding = in.is_null("pad_token_id") ? -1 : in.integer("pad_token_id", 0, -1, config.vocab_size - 1);
  return config;
}

}  // namespace filigree::models::bert
