// write_model_safetensors() of safetensors.h.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/files/disk.h"
#include "core/safetensors/safetensors.h"

namespace filigree::checkpoint {
namespace {

/// Splits the tensors in order and fills each file up to the limit; a larger tensor gets its own file.
std::vector<NamedTensors> parts_of(const NamedTensors& tensors, uint64_t most) {
  std::vector<NamedTensors> parts;
  uint64_t bytes = 0;
  for (const auto& entry : tensors) {
    const uint64_t own = entry.second.nbytes();
    if (parts.empty() || bytes + own > most) {
      parts.emplace_back();
      bytes = 0;
    }
    parts.back().push_back(entry);
    bytes += own;
  }
  return parts;
}

}  // namespace

void write_model_safetensors(const std::string& dir, const NamedTensors& tensors, uint64_t most) {
  const std::filesystem::path folder(dir);
  const std::vector<NamedTensors> parts = most == 0 ? std::vector<NamedTensors>{tensors} : parts_of(tensors, most);
  if (parts.size() <= 1) return write_safetensors((folder / "model.safetensors").string(), tensors);
  nlohmann::ordered_json files = nlohmann::ordered_json::object();
  uint64_t bytes = 0, elements = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, parts.size());
    write_safetensors((folder / name).string(), parts[i]);
    for (const auto& [tensor, value] : parts[i]) {
      files[tensor] = name;
      bytes += value.nbytes();
      elements += static_cast<uint64_t>(value.numel());
    }
  }
  const nlohmann::ordered_json index = {{"metadata", {{"total_parameters", elements}, {"total_size", bytes}}},
                                        {"weight_map", files}};
  files::write_file((folder / "model.safetensors.index.json").string(), index.dump(2) + "\n");
}

}  // namespace filigree::checkpoint
