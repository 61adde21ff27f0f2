#pragma once
// A LoRA directory of the peft package: adapter_config.json and adapter_model.safetensors.
//
//   D = s B A,  s = lora_alpha / r, or lora_alpha / sqrt(r) with use_rslora
//
// Anything but a plain LoRA of linears (DoRA, biases, embeddings, initializations that changed the base
// weights) is refused with advice (peft_config.h). Tensors of modules that the configuration excludes are not
// read, as in peft.
#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

namespace filigree::checkpoint {

struct PeftLora {
  struct Module {
    at::Tensor a;      ///< [r, in], fp32
    at::Tensor b;      ///< [out, r], fp32
    double scale = 1;  ///< s
    int64_t rank() const { return a.size(0); }
  };
  std::string dir;
  std::map<std::string, Module> modules;   ///< by their names in the base model's files
  std::map<std::string, at::Tensor> head;  ///< modules_to_save, by parameter
  std::vector<std::string> ignored;        ///< tensors of modules that the configuration does not name or excludes

  int64_t largest_rank() const;
};

/// Throws DataError for files that are missing, damaged or inconsistent, UsageError for anything but a plain LoRA.
PeftLora read_peft(const std::string& dir);

}  // namespace filigree::checkpoint
