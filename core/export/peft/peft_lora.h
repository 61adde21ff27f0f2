#pragma once
// An adapter directory of the peft package: adapter_config.json and adapter_model.safetensors.
//
//   LoRA           D = s B A,      s = lora_alpha / r, or lora_alpha / sqrt(r) with use_rslora
//   Super-Tuning   D = S + s B A,  s = lora_alpha / r; S: N values at flat positions; r may be absent
//
// Anything but these for linears (DoRA, biases, embeddings, initializations that changed the base
// weights) is refused with advice (peft_config.h). Tensors of modules that the configuration excludes are not
// read, as in peft.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace filigree::checkpoint {

struct PeftLora {
  struct Module {
    at::Tensor a;       ///< [r, in], fp32; undefined: no low-rank part
    at::Tensor b;       ///< [out, r], fp32
    double scale = 1;   ///< s
    at::Tensor places;  ///< [N] flat positions row * in + column, int64, ascending, distinct; undefined: no S
    at::Tensor values;  ///< [N], fp32
    int64_t rank() const { return a.defined() ? a.size(0) : 0; }
  };
  std::string dir;
  std::map<std::string, Module> modules;   ///< by their names in the base model's files
  std::map<std::string, at::Tensor> head;  ///< modules_to_save, by parameter
  std::vector<std::string> ignored;        ///< tensors of modules that the configuration does not name or excludes
  double sparsity = 0;                     ///< of Super-Tuning, whose N follows from it

  int64_t largest_rank() const;
  bool has_entries() const;  ///< Super-Tuning
};

/// N of a weight with numel entries in Super-Tuning, computed as peft does.
int64_t entries_at(double sparsity, int64_t numel);

/// Throws DataError for files that are missing, damaged or inconsistent, UsageError for anything but the two kinds.
PeftLora read_peft(const std::string& dir);

}  // namespace filigree::checkpoint
