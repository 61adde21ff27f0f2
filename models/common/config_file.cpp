#include "models/common/config_file.h"

#include <filesystem>

#include "core/error.h"
#include "core/files/python_json.h"
#include "core/files/read.h"
#include "core/nn/load_report.h"

namespace filigree::models {
std::string config_path(const std::string& dir) { return (std::filesystem::path(dir) / "config.json").string(); }

nlohmann::json read_config(const std::string& dir) {
  const std::string file = config_path(dir);
  nn::refuse_adapter(dir);
  if (!std::filesystem::exists(file))
    throw DataError(
        fmt::format("{}: there is no such file; a model directory holds config.json and model.safetensors", file));
  const nlohmann::json config = files::parse_python_json(files::read_file(file), file);
  if (!config.is_object()) throw DataError(fmt::format("{}: is not a JSON object", file));
  return config;
}

}  // namespace filigree::models
