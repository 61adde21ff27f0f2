#pragma once
// Typed access to a config.json, and what all families read from it alike. Every fault is a DataError that names the
// file and the key.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/nn/ops/activation.h"
#include "models/registry.h"

namespace filigree::models {

class ConfigReader {
 public:
  /// Both live longer than the reader; `file` is for messages.
  ConfigReader(const nlohmann::json& config, const std::string& file) : config_(config), file_(file) {}

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    throw DataError(fmt::format("{}: {}", file_, fmt::format(format, std::forward<Args>(args)...)));
  }

  // The fallback stands for a key that is absent or null.
  int64_t size(const char* key, int64_t fallback) const;  ///< from 1
  double number(const char* key, double fallback, double low, double high) const;
  double dropout(const char* key, double fallback) const { return number(key, fallback, 0, 0.99); }
  std::string text(const char* key, const std::string& fallback) const;
  bool flag(const char* key, bool fallback = false) const;
  nn::ops::Activation activation(const char* key, const std::string& fallback) const;
  void refuse_if_set(const char* key, const char* why) const;  ///< when the flag is true

  /// nullptr when the key is absent or null.
  const nlohmann::json* find(const char* key) const;

 private:
  const nlohmann::json& config_;
  const std::string& file_;
};

/// Number of labels: what the options say, else config.json (id2label, num_labels). Writes the names, where they are
/// new, into `json`. A task over tokens has none: `fallback`.
int64_t read_labels(const ConfigReader& in, const ModelOptions& options, int64_t fallback, nlohmann::json& json);

/// Original numbers of the units that are left, per layer, of a model that was pruned and exported in its small shape:
///   "filigree": {"heads": [[numbers kept] per layer], "neurons": [[numbers kept], or how many, per layer]}
/// `what`: "heads" or "neurons"; all `total` of them without the key.
std::vector<std::vector<int64_t>> read_kept(const ConfigReader& in, const char* what, int64_t layers, int64_t total);

}  // namespace filigree::models
