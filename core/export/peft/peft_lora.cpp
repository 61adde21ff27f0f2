#include "core/export/peft/peft_lora.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/export/peft/peft_config.h"
#include "core/safetensors/check_finite.h"
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

/// The tensor of a module that the end of a name means; nullptr: none.
at::Tensor* tensor_of(PeftLora::Module& module, const std::string& end, bool supertuning) {
  const std::string lora = supertuning ? "supertuning_lora_" : "lora_";
  if (end == lora + "A.weight") return &module.a;
  if (end == lora + "B.weight") return &module.b;
  if (supertuning && end == "supertuning_values") return &module.values;
  if (supertuning && end == "supertuning_indices") return &module.places;
  return nullptr;
}

/// Stores one tensor of the file according to its name.
void take(PeftLora& lora, const PeftConfig& config, const SafetensorsReader& reader, const std::string& stored) {
  const std::string name = plain_name(stored, reader.path());
  const size_t kind = name.rfind(config.is_supertuning() ? ".supertuning_" : ".lora_");
  const auto read = [&] {
    const at::Tensor values = reader.read(stored).to(at::kFloat);
    check_finite(values, reader.path(), stored);
    return values;
  };
  if (kind == std::string::npos) {
    lora.head[name] = read();
    return;
  }
  const std::string module = name.substr(0, kind);
  if (!config.changes(module)) {
    lora.ignored.push_back(stored);
    return;
  }
  at::Tensor* tensor = tensor_of(lora.modules[module], name.substr(kind + 1), config.is_supertuning());
  if (tensor == nullptr)
    throw UsageError(fmt::format("{}: '{}' is not part of a plain {} of linears; {}", reader.path(), stored,
                                 config.is_supertuning() ? "Super-Tuning" : "LoRA", kMergeFirst));
  const bool places = name.ends_with("_indices");
  if (places && at::isFloatingType(reader.info(stored).dtype))
    throw DataError(fmt::format("{}: '{}' holds fractions, but positions are whole numbers", reader.path(), stored));
  *tensor = places ? reader.read(stored).to(at::kLong) : read();
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

/// Sorts the entries of S by position.
void sort_entries(PeftLora::Module& module, const std::string& name, const std::string& file) {
  for (const auto& [kind, tensor] : {std::pair{"values", module.values}, std::pair{"indices", module.places}})
    if (!tensor.defined()) throw DataError(fmt::format("{}: '{}' has no supertuning_{}", file, name, kind));
  if (module.values.dim() != 1 || module.values.sizes() != module.places.sizes())
    throw DataError(
        fmt::format("{}: supertuning_values of '{}' is [{}] and supertuning_indices is [{}]; both must be one "
                    "list of the same length",
                    file, name, fmt::join(module.values.sizes(), ", "), fmt::join(module.places.sizes(), ", ")));
  at::Tensor order;
  std::tie(module.places, order) = module.places.sort();
  module.values = module.values.index_select(0, order);
  if (module.places.numel() > 1 && module.places.diff().min().item<int64_t>() == 0)
    throw DataError(fmt::format("{}: supertuning_indices of '{}' contains a position twice", file, name));
}

void check_module(PeftLora::Module& module, const std::string& name, const PeftConfig& config,
                  const std::string& file) {
  const bool low_rank = !config.is_supertuning() || config.rank(name) > 0;
  if (config.is_supertuning()) sort_entries(module, name, file);
  if (low_rank || module.a.defined() || module.b.defined()) check_factors(module, name, config.rank(name), file);
  module.scale = config.scale(name);
}

}  // namespace

int64_t PeftLora::largest_rank() const {
  int64_t rank = 0;
  for (const auto& [name, module] : modules) rank = std::max(rank, module.rank());
  return rank;
}

bool PeftLora::has_entries() const {
  return std::ranges::any_of(modules, [](const auto& module) { return module.second.values.defined(); });
}

int64_t entries_at(double sparsity, int64_t numel) {
  return static_cast<int64_t>(static_cast<double>(numel) * (1 - sparsity));
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
    throw DataError(fmt::format("{}: contains no {} of a module that {} names", file,
                                config.is_supertuning() ? "supertuning_values" : "lora_A and lora_B", config_file));
  for (auto& [name, module] : lora.modules) check_module(module, name, config, file);
  if (config.is_supertuning()) lora.sparsity = config.sparsity();
  return lora;
}

}  // namespace filigree::checkpoint
