#include "core/checkpoint/peft_lora.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>

#include "core/checkpoint/safetensors.h"
#include "core/error.h"
#include "core/files/read.h"

namespace filigree::checkpoint {
namespace {

using nlohmann::json;

constexpr const char* kPrefix = "base_model.model.";
constexpr const char* kMergeFirst = "merge it into the base with peft's merge_and_unload() and start from that model";

json read_config(const std::string& file) {
  if (!std::filesystem::exists(file))
    throw DataError(
        fmt::format("{}: is missing; model.adapter names a directory that peft's save_pretrained or "
                    "`filigree export --format peft` wrote",
                    file));
  json config = json::parse(files::read_file(file), nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) throw DataError(fmt::format("{}: is no JSON object", file));
  return config;
}

template <class T>
T value_or(const json& config, const std::string& key, T other, const std::string& file) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return other;
  try {
    return found->get<T>();
  } catch (const json::exception&) {
    throw DataError(fmt::format("{}: {} is {}, which is of another type", file, key, found->dump()));
  }
}

/// Starts that take their part out of the base weights, which are then no longer those on the disk.
bool changes_the_base(const json& init) {
  if (!init.is_string()) return false;
  const std::string name = init;
  return name.starts_with("pissa") || name == "olora" || name == "loftq" || name == "corda";
}

void refuse_unless_plain(const json& config, const std::string& file) {
  const auto refuse = [&](const std::string& what) {
    throw UsageError(fmt::format("{}: {}; {}", file, what, kMergeFirst));
  };
  const auto type = value_or<std::string>(config, "peft_type", "", file);
  if (type != "LORA") refuse(fmt::format("peft_type is '{}', model.adapter takes LORA", type));
  if (value_or(config, "use_dora", false, file)) refuse("use_dora is set, which is no plain LoRA");
  if (const auto bias = value_or<std::string>(config, "bias", "none", file); bias != "none")
    refuse(fmt::format("bias is '{}': the LoRA trained biases too", bias));
  if (const json init = config.value("init_lora_weights", json()); changes_the_base(init))
    refuse(fmt::format("init_lora_weights is {}, which changed the base weights", init.dump()));
  for (const char* key : {"layer_replication", "target_parameters", "trainable_token_indices"}) {
    const json given = config.value(key, json());
    if (!given.is_null() && !given.empty()) refuse(fmt::format("{} is set, which is no plain LoRA", key));
  }
}

/// What alpha_pattern says of a module: peft takes the first key that matches the end of the name.
std::optional<double> pattern_for(const json& config, const char* key, const std::string& module,
                                  const std::string& file) {
  const auto patterns = value_or(config, key, std::map<std::string, double>{}, file);
  for (const auto& [pattern, value] : patterns) {
    try {
      if (std::regex_match(module, std::regex("(.*\\.)?(" + pattern + ")"))) return value;
    } catch (const std::regex_error&) {
      throw DataError(fmt::format("{}: {} has the key '{}', which is no regular expression", file, key, pattern));
    }
  }
  return std::nullopt;
}

double scale_for(const json& config, const std::string& module, int64_t rank, const std::string& file) {
  const double alpha =
      pattern_for(config, "alpha_pattern", module, file).value_or(value_or(config, "lora_alpha", 8.0, file));
  const auto r = static_cast<double>(rank);
  return alpha / (value_or(config, "use_rslora", false, file) ? std::sqrt(r) : r);
}

std::string weights_file(const std::string& dir) {
  const std::string file = dir + "/adapter_model.safetensors";
  if (std::filesystem::exists(file)) return file;
  if (std::filesystem::exists(dir + "/adapter_model.bin"))
    throw DataError(
        fmt::format("{}/adapter_model.bin: is a pickle, which can run code; save the adapter again with "
                    "safe_serialization=True",
                    dir));
  throw DataError(fmt::format("{}: is missing", file));
}

/// Puts one tensor of the file where its name says.
void take(PeftLora& lora, const std::string& stored, const at::Tensor& value, const std::string& file) {
  if (!stored.starts_with(kPrefix))
    throw DataError(fmt::format("{}: '{}' does not start with '{}', as peft's tensors do", file, stored, kPrefix));
  const std::string name = stored.substr(std::string(kPrefix).size());
  const size_t kind = name.rfind(".lora_");
  if (kind == std::string::npos) {
    lora.head[name] = value;
    return;
  }
  PeftLora::Module& module = lora.modules[name.substr(0, kind)];
  if (name.ends_with(".lora_A.weight")) {
    module.a = value;
  } else if (name.ends_with(".lora_B.weight")) {
    module.b = value;
  } else {
    throw UsageError(fmt::format("{}: '{}' is no part of a plain LoRA of linears; {}", file, stored, kMergeFirst));
  }
}

void check_factors(const PeftLora::Module& module, const std::string& name, const std::string& file) {
  if (!module.a.defined() || !module.b.defined())
    throw DataError(fmt::format("{}: '{}' has no lora_{}", file, name, module.a.defined() ? "B" : "A"));
  if (module.a.dim() != 2 || module.b.dim() != 2 || module.b.size(1) != module.rank())
    throw DataError(fmt::format("{}: lora_A of '{}' is [{}] and lora_B [{}], which is no product", file, name,
                                fmt::join(module.a.sizes(), ", "), fmt::join(module.b.sizes(), ", ")));
}

}  // namespace

int64_t PeftLora::largest_rank() const {
  int64_t rank = 0;
  for (const auto& [name, module] : modules) rank = std::max(rank, module.rank());
  return rank;
}

PeftLora read_peft(const std::string& dir) {
  const std::string config_file = dir + "/adapter_config.json";
  const json config = read_config(config_file);
  refuse_unless_plain(config, config_file);
  const std::string file = weights_file(dir);
  const SafetensorsReader reader = SafetensorsReader::open(file);
  PeftLora lora;
  lora.dir = dir;
  for (const std::string& name : reader.names()) take(lora, name, reader.read(name).to(at::kFloat), file);
  if (lora.modules.empty()) throw DataError(fmt::format("{}: holds no lora_A and lora_B", file));
  for (auto& [name, module] : lora.modules) {
    check_factors(module, name, file);
    module.scale = scale_for(config, name, module.rank(), config_file);
  }
  return lora;
}

}  // namespace filigree::checkpoint
