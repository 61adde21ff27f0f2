#include "core/parallel/comm_bytes.h"

namespace filigree::train {

CommBytes comm_bytes(const dist::Mesh& mesh) {
  CommBytes bytes;
  const auto add = [&](const std::string& axis, const dist::Communicator& communicator) {
    for (const auto& [phase, sent] : communicator.bytes_by_phase()) bytes[axis + "." + phase] = sent;
  };
  add("world", mesh.world());
  add("dp", mesh.dp());
  add("tp", mesh.tp());
  return bytes;
}

CommBytes difference(const CommBytes& after, const CommBytes& before) {
  CommBytes grown;
  for (const auto& [key, bytes] : after) {
    const auto earlier = before.find(key);
    const uint64_t more = bytes - (earlier == before.end() ? 0 : earlier->second);
    if (more > 0) grown[key] = more;
  }
  return grown;
}

uint64_t total(const CommBytes& bytes) {
  uint64_t sum = 0;
  for (const auto& [key, some] : bytes) sum += some;
  return sum;
}

std::map<std::string, CommBytes> by_axis(const CommBytes& bytes) {
  std::map<std::string, CommBytes> axes;
  for (const auto& [key, some] : bytes) {
    const size_t dot = key.find('.');
    axes[key.substr(0, dot)][key.substr(dot + 1)] = some;
  }
  return axes;
}

ElementCounts count_elements(nn::Model& model) {
  ElementCounts counts;
  for (const nn::ParameterPtr& parameter : model.parameters()) {
    if (parameter->role != nn::Role::trainable && parameter->role != nn::Role::frozen) continue;
    counts.total += parameter->logical_numel();
    counts.total_here += parameter->numel();
    counts.weight_bytes += parameter->bytes_here();
    if (!parameter->trainable()) continue;
    counts.trainable += parameter->logical_numel();
    counts.trainable_here += parameter->numel();
  }
  return counts;
}

}  // namespace filigree::train
