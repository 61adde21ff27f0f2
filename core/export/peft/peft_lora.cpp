#include "core/export/peft/peft_lora.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/export/peft/peft_config.h"
#include "core/safetensors/safetensors.h"

namespace filigree::checkpoint {
namespace {

constexpr const char* kPrefix = "base_model.model.";
constexpr const char* kMergeFirst = "merge it into the base with peft's merge_and_unload() and start from that model";

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

/// The name in the adapted model.
std::string plain_name(const std::string& stored, const std::string& file) {
  if (!stored.starts_with(kPrefix))
    throw DataError(fmt::format("{}: '{}' does not start with '{}', as peft's tensors do", file, stored, kPrefix));
  return stored.substr(std::string(kPrefix).size());
}

/// Stores one tensor of the file according to its name.
void take(PeftLora& lora, const PeftConfig& config, const SafetensorsReader& reader, const std::string& stored) {
  const std::string name = plain_name(stored, reader.path());
  const size_t kind = name.rfind(".lora_");
  const auto read = [&] { return reader.read(stored).to(at::kFloat); };
  if (kind == std::string::npos) {
    lora.head[name] = read();
    return;
  }
  const std::string module = name.substr(0, kind);
  if (!config.changes(module)) {
    lora.ignored.push_back(stored);
  } else if (name.ends_with(".lora_A.weight")) {
    lora.modules[module].a = read();
  } else if (name.ends_with(".lora_B.weight")) {
    lora.modules[module].b = read();
  } else {
    throw UsageError(
        fmt::format("{}: '{}' is not part of a plain LoRA of linears; {}", reader.path(), stored, kMergeFirst));
  }
}

void check_factors(const PeftLora::Module& module, const std::string& name, int64_t rank, const std::string& file) {
  if (!module.a.defined() || !module.b.defined())
    throw DataError(fmt::format("{}: '{}' has no lora_{}", file, name, module.a.defined() ? "B" : "A"));
  if (module.a.dim() != 2 || module.b.dim() != 2 || module.b.size(1) != module.rank())
    throw DataError(fmt::format("{}: lora_A of '{}' is [{}] and lora_B is [{}]: they have no product", file, name,
                                fmt::join(module.a.sizes(), ", "), fmt::join(module.b.sizes(), ", ")));
  if (module.rank() != rank)
    throw DataError(fmt::format("{}: '{}' has rank {}, but adapter_config.json (r, rank_pattern) has {}", file, name,
                                module.rank(), rank));
}

}  // namespace

int64_t PeftLora::largest_rank() const {
  int64_t rank = 0;
  for (const auto& [name, module] : modules) rank = std::max(rank, module.rank());
  return rank;
}

PeftLora read_peft(const std::string& dir) {
  const std::string config_file = dir + "/adapter_config.json";
  const PeftConfig config = PeftConfig::read(config_file);
  const std::string file = weights_file(dir);
  const SafetensorsReader reader = SafetensorsReader::open(file);
  PeftLora lora;
  lora.dir = dir;
  for (const std::string& name : reader.names()) take(lora, config, reader, name);
  if (lora.modules.empty())
    throw DataError(fmt::format("{}: contains no lora_A and lora_B of a module that {} names", file, config_file));
  for (auto& [name, module] : lora.modules) {
    check_factors(module, name, config.rank(name), file);
    module.scale = config.scale(name);
  }
  return lora;
}

}  // namespace filigree::checkpoint
