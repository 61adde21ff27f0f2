#include "models/bert/state_map.h"

#include <filesystem>

#include "models/bert/config.h"
#include "models/bert/model.h"
#include "models/common/encoder_state.h"

namespace filigree::models::bert {

std::unique_ptr<nn::Model> load(const std::string& dir, const nlohmann::json& json, const ModelOptions& options,
                                LoadReport& report) {
  const EncoderConfig config = parse_config(json, (std::filesystem::path(dir) / "config.json").string(), options);
  auto model = std::make_unique<Model>(config);
  const StateMap map =
      encoder_state_map(config, {.fresh = {"classifier.", "cls.", "bert.pooler."},
                                 .nothing = {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"}});
  fill(*model, map, dir, options, report);
  return model;
}

}  // namespace filigree::models::bert
