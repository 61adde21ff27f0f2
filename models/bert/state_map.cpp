#include "models/bert/state_map.h"

#include "models/bert/config.h"
#include "models/bert/model.h"
#include "models/common/config_file.h"
#include "models/common/encoder_state.h"

namespace filigree::models::bert {

std::unique_ptr<nn::Model> load(const std::string& dir, const nlohmann::json& json, const ModelOptions& options,
                                LoadReport& report) {
  const EncoderNames names{.may_be_missing = {"classifier.", "cls.", "bert.pooler."},
                           .nothing = {},
                           .decoder = "cls.predictions.decoder",
                           .decoder_bias = "cls.predictions.bias"};
  const std::string file = config_path(dir);
  EncoderConfig config = parse_config(json, file, options);
  const Weights weights = open_weights(dir, options);
  consult_weights(weights, names, file, config, report);
  auto model = std::make_unique<Model>(config);
  fill(*model, encoder_state_map(config, names), weights, options, report);
  return model;
}

}  // namespace filigree::models::bert
