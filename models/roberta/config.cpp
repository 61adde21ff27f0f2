#include "models/roberta/config.h"

#include "models/common/config_reader.h"

namespace filigree::models::roberta {

EncoderConfig parse_config(const nlohmann::json& json, const std::string& file, const ModelOptions& options) {
  EncoderConfig defaults;
  defaults.prefix = "roberta.";
  defaults.vocab_size = 50265;
  EncoderConfig config = parse_encoder_config(json, file, options, defaults);
  const ConfigReader in(json, file);
  if (in.is_null("pad_token_id")) in.refuse("pad_token_id is null, but RoBERTa counts its positions from it");
  config.padding = in.integer("pad_token_id", 1, 0, config.vocab_size - 1);
  config.position_offset = config.padding + 1;
  if (config.position_offset >= config.max_positions) {
    in.refuse("max_position_embeddings {} leaves no position: the first is pad_token_id + 1 = {}", config.max_positions,
              config.position_offset);
  }
  return config;
}

}  // namespace filigree::models::roberta
