#include "models/registry.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "models/bert/state_map.h"
#include "models/common/config_file.h"
#include "models/common/head.h"
#include "models/gpt2/state_map.h"
#include "models/roberta/state_map.h"

namespace filigree::models {
namespace {

struct Family {
  const char* name;  ///< model_type in config.json
  std::unique_ptr<nn::Model> (*load)(const std::string& dir, const nlohmann::json& config, const ModelOptions& options,
                                     LoadReport& report);
};

constexpr Family kFamilies[] = {{"bert", bert::load}, {"roberta", roberta::load}, {"gpt2", gpt2::load}};

const Family* find_family(const std::string& name) {
  for (const Family& family : kFamilies) {
    if (name == family.name) return &family;
  }
  return nullptr;
}

std::string known_families() {
  std::string list;
  for (const Family& family : kFamilies) list.append(list.empty() ? "" : ", ").append(family.name);
  return list;
}

}  // namespace

std::unique_ptr<nn::Model> load_model(const std::string& dir, const ModelOptions& options, LoadReport* report) {
  const std::string file = config_path(dir);
  const nlohmann::json config = read_config(dir);
  const auto type = config.find("model_type");
  if (type == config.end() || !type->is_string()) {
    throw DataError(fmt::format("{}: has no model_type; known families: {}", file, known_families()));
  }
  const Family* family = find_family(type->get<std::string>());
  if (family == nullptr) {
    throw DataError(fmt::format("{}: model_type '{}' is not supported; known families: {}", file,
                                type->get<std::string>(), known_families()));
  }
  LoadReport ignored;
  return family->load(dir, config, options, report == nullptr ? ignored : *report);
}

Task stored_task(const std::string& dir) {
  const nlohmann::json config = read_config(dir);
  const std::string file = config_path(dir);
  return task_in(ConfigReader(config, file));
}

}  // namespace filigree::models
