#include "models/roberta/state_map.h"

#include "models/common/config_file.h"
#include "models/common/encoder_state.h"
#include "models/roberta/config.h"
#include "models/roberta/model.h"

namespace filigree::models::roberta {

std::unique_ptr<nn::Model> load(const std::string& dir, const nlohmann::json& json, const ModelOptions& options,
                                LoadReport& report) {
  const EncoderNames names{.may_be_missing = {"classifier.", "lm_head."},
                           .nothing = {"roberta.pooler.dense.weight", "roberta.pooler.dense.bias",
                                       "pooler.dense.weight", "pooler.dense.bias"},
                           .decoder = "lm_head.decoder",
                           .decoder_bias = "lm_head.bias"};
  const std::string file = config_path(dir);
  EncoderConfig config = parse_config(json, file, options);
  const Weights weights = open_weights(dir, options);
  consult_weights(weights, names, file, config, report);
  auto model = std::make_unique<Model>(config);
  fill(*model, encoder_state_map(config, names), weights, options, report);
  return model;
}

}  // namespace filigree::models::roberta
