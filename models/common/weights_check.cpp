#include "models/common/weights_check.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/counted.h"

namespace filigree::models {
namespace {

/// The index of the layer that a tensor belongs to, or -1.
int64_t layer_of(const std::string& name, const std::string& marker) {
  const size_t at = name.find(marker);
  if (at == std::string::npos || (at > 0 && name[at - 1] != '.')) return -1;
  const char *begin = name.data() + at + marker.size(), *end = name.data() + name.size();
  int64_t number = -1;
  const auto [stop, error] = std::from_chars(begin, end, number);
  return error == std::errc() && stop != end && *stop == '.' ? number : -1;
}

std::optional<std::string> first_of(const checkpoint::SafetensorsReader& reader,
                                    const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (reader.contains(name)) return name;
  return std::nullopt;
}

}  // namespace

void check_layers(const ConfigReader& in, const Weights& weights, const char* key, int64_t layers,
                  const std::string& marker) {
  if (!weights) return;
  int64_t highest = -1;
  for (const std::string& name : weights->names()) highest = std::max(highest, layer_of(name, marker));
  if (layers > highest + 1)
    in.refuse("{} is {}, but {} holds {}", in.name_of(key), layers, weights->path(), counted(highest + 1, "layer"));
}

bool is_tied(bool in_config, const Weights& weights, const DecoderNames& names, LoadReport& report) {
  if (!in_config || !weights) return in_config;
  const auto words = first_of(*weights, names.words), decoder = first_of(*weights, names.decoder);
  if (!words || !decoder || weights->equal(*words, *decoder)) return true;
  report.notes.push_back(
      fmt::format("config.json ties '{}' to the word embeddings, but the weights hold different "
                  "values for the two; both are kept",
                  *decoder));
  return false;
}

}  // namespace filigree::models
