#pragma once
// adapter_config.json of an adapter of the peft package: which modules it changes, their ranks and scales, as
// peft reads it.
//
// Two kinds are accepted: a plain LoRA of linears, y = W x + s B A x, and Super-Tuning with its positions in the file,
// y = (W + S) x + s B A x. A key that requests anything else, or that is unknown and set, is refused by name (UsageError).
// Values of a wrong type are DataErrors that name the file and the key.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace filigree::checkpoint {

class PeftConfig {
 public:
  static PeftConfig read(const std::string& file);

  /// Whether peft applies the update to this module of the adapted model: target_modules minus
  /// exclude_modules and modules_to_save, in the layers of layers_to_transform. peft ignores the tensors of
  /// all other modules.
  bool changes(const std::string& module) const;
  bool is_supertuning() const;
  double sparsity() const;                        ///< of Super-Tuning: N = int(numel * (1 - sparsity))
  int64_t rank(const std::string& module) const;  ///< r, or from rank_pattern; 0: no low-rank part (Super-Tuning)
  double scale(const std::string& module) const;  ///< s: lora_alpha, or from alpha_pattern, over the rank or its root

 private:
  PeftConfig(nlohmann::ordered_json config, const std::string& file);
  void refuse_unless_plain() const;
  void refuse_unless_explicit() const;  ///< of Super-Tuning
  [[noreturn]] void refuse(const std::string& what) const;
  template <class T>
  T value_or(const std::string& key, T other) const;
  /// Whether before + pattern + after matches all of `text`; `pattern` is a value of `key`.
  bool matches(const std::string& pattern, const std::string& text, const char* key, const char* before = "",
               const char* after = "") const;
  std::optional<double> pattern_for(const char* key, const std::string& module) const;
  std::optional<int64_t> layer_of(const std::string& module) const;
  bool in_layers(const std::string& module) const;
  bool named_by(const char* key, const std::string& module) const;

  nlohmann::ordered_json config_;  // in file order: the first matching pattern counts
  std::string file_;
};

}  // namespace filigree::checkpoint
