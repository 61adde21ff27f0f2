#include "models/common/config_file.h"

#include <filesystem>

#include "core/error.h"
#include "core/files/python_json.h"
#include "core/files/read.h"

namespace filigree::models {
std::string config_path(const std::string& dir) { return (std::filesystem::path(dir) / "config.json").string(); }

nlohmann::json read_config(const std::string& dir) {
  const std::string file = config_path(dir);
  if (const auto adapter = std::filesystem::path(dir) / "adapter_config.json"; std::filesystem::exists(adapter))
    throw DataError(
        fmt::format("{}: is an adapter of the peft package; set model.path to its base model and model.init_lora to "
                    "this directory, or merge the two with peft's merge_and_unload()",
                    adapter.string()));
  if (!std::filesystem::exists(file))
    throw DataError(
        fmt::format("{}: there is no such file; a model directory holds config.json and model.safetensors", file));
  const nlohmann::json config = files::parse_python_json(files::read_file(file), file);
  if (!config.is_object()) throw DataError(fmt::format("{}: is not a JSON object", file));
  return config;
}

}  // namespace filigree::models
