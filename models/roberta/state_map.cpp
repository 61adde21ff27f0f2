#include "models/roberta/state_map.h"

#include <filesystem>

#include "models/common/encoder_state.h"
#include "models/roberta/config.h"
#include "models/roberta/model.h"

namespace filigree::models::roberta {

std::unique_ptr<nn::Model> load(const std::string& dir, const nlohmann::json& json, const ModelOptions& options,
                                LoadReport& report) {
  const EncoderConfig config = parse_config(json, (std::filesystem::path(dir) / "config.json").string(), options);
  auto model = std::make_unique<Model>(config);
  const StateMap map = encoder_state_map(
      config, {.fresh = {"classifier.", "lm_head."},
               .nothing = {"lm_head.decoder.weight", "lm_head.decoder.bias", "roberta.pooler.dense.weight",
                           "roberta.pooler.dense.bias", "pooler.dense.weight", "pooler.dense.bias"}});
  fill(*model, map, dir, options, report);
  return model;
}

}  // namespace filigree::models::roberta
