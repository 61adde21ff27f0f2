#pragma once
// adapter_config.json of a LoRA of the peft package: which modules it changes, their ranks and scales, as peft reads
// it.
//
// Only a plain LoRA of linears is taken: y = W x + s B A x. A key that asks for anything else, or that is not known and
// set, is refused by name (UsageError). Values of a wrong type are DataErrors naming file and key.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace filigree::checkpoint {

class PeftConfig {
 public:
  static PeftConfig read(const std::string& file);

  /// Whether peft puts the update on this module of the adapted model: target_modules, less exclude_modules and
  /// modules_to_save, in the layers of layers_to_transform. peft ignores the tensors of all others.
  bool changes(const std::string& module) const;
  int64_t rank(const std::string& module) const;  ///< r, or what rank_pattern says
  double scale(const std::string& module) const;  ///< s: lora_alpha, or what alpha_pattern says, over rank or its root

 private:
  PeftConfig(nlohmann::ordered_json config, const std::string& file);
  void refuse_unless_plain() const;
  template <class T>
  T value_or(const std::string& key, T other) const;
  /// Whether before + pattern + after is the whole of `text`; `pattern` is of `key`.
  bool matches(const std::string& pattern, const std::string& text, const char* key, const char* before = "",
               const char* after = "") const;
  std::optional<double> pattern_for(const char* key, const std::string& module) const;
  std::optional<int64_t> layer_of(const std::string& module) const;
  bool in_layers(const std::string& module) const;
  bool named_by(const char* key, const std::string& module) const;

  nlohmann::ordered_json config_;  // in the order of the file: the first pattern that matches counts
  std::string file_;
};

}  // namespace filigree::checkpoint
