#pragma once
// Typed access to a config.json, and what all families read from it. Every error is a DataError that names the file
// and the key.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/nn/ops/activation.h"
#include "models/registry.h"

namespace filigree::models {

/// Aliases of a family's keys, as in the attribute_map of transformers' configuration class: key -> the alias, which
/// wins when both are present.
using KeyNames = std::map<std::string_view, const char*>;

class ConfigReader {
 public:
  static constexpr int64_t kMaxSize = 1 << 24;
  static constexpr int64_t kMaxLayers = 1024;

  /// All arguments must outlive the reader; `file` is for messages.
  ConfigReader(const nlohmann::json& config, const std::string& file, const KeyNames& names = no_names())
      : config_(config), file_(file), names_(names) {}

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    throw DataError(fmt::format("{}: {}", file_, fmt::format(format, std::forward<Args>(args)...)));
  }

  // The fallback is used when the key is absent or null.
  int64_t size(const char* key, int64_t fallback, int64_t most = kMaxSize) const;  ///< at least 1
  int64_t integer(const char* key, int64_t fallback, int64_t low, int64_t high) const;
  double number(const char* key, double fallback, double low, double high) const;
  double dropout(const char* key, double fallback) const { return number(key, fallback, 0, 0.99); }
  std::string text(const char* key, const std::string& fallback) const;
  bool flag(const char* key, bool fallback = false) const;
  nn::ops::Activation activation(const char* key, const std::string& fallback) const;
  void refuse_if_set(const char* key, const char* why) const;    ///< when the flag is true
  void refuse_if_given(const char* key, const char* why) const;  ///< when it is present, not null and not empty

  /// nullptr when the key is absent or null.
  const nlohmann::json* find(const char* key) const;
  /// The name that the file uses for the key.
  const char* name_of(const char* key) const;
  bool is_null(const char* key) const;  ///< present, and null
  const std::string& file() const { return file_; }

 private:
  static const KeyNames& no_names();

  const nlohmann::json& config_;
  const std::string& file_;
  const KeyNames& names_;
};

/// A value for a message, truncated when it is long.
std::string shown(const nlohmann::json& value);

/// Throws on keys that change the model but that no family supports, so that they are not silently ignored.
void refuse_unsupported(const ConfigReader& in);

/// Throws DataError when layers x units is more than any model that fits into memory can have.
void check_units(const ConfigReader& in, const char* layers_key, int64_t layers, const char* units_key, int64_t units);

/// Original indices of the remaining units, per layer, of a model that was pruned and exported in its reduced shape:
///   "filigree": {"heads": [[kept indices] per layer], "neurons": [[kept indices], or their count, per layer]}
/// `what`: "heads" or "neurons"; without the key, all `total` of them.
std::vector<std::vector<int64_t>> read_kept(const ConfigReader& in, const char* what, int64_t layers, int64_t total);

/// Neurons per layer before any prune. An export for transformers whose layers lost equally many neurons has the smaller
/// number, `width`, where transformers reads it, and this one in "filigree": {"ffn_width": …}.
int64_t unpruned_width(const ConfigReader& in, int64_t width, int64_t layers);

}  // namespace filigree::models
