#pragma once
// Small models with a newly attached method, which an adapter of peft is read into; shared by the tests of imports.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/adapt/methods/dsee.h"
#include "core/adapt/methods/lora.h"
#include "dist/factory.h"
#include "tests/parity/export_cases.h"

namespace filigree::test {

inline const std::filesystem::path kReference =
    std::filesystem::path(FILIGREE_BINARY_DIR) / "reference" / "peft_import";

inline constexpr int64_t kEntries = 80;  ///< of S2 in each target

/// A scale of its own: alpha / rank = 13 / 9. resume: without a search for positions, as a model in parts needs it here.
inline void attach(nn::Model& model, const std::vector<std::string>& targets, const std::string& method,
                   int64_t rank = 9, bool resume = false) {
  const auto ranks = dist::make_single();
  std::shared_ptr<recipe::MethodOptions> options;
  if (method == "dsee") {
    auto dsee = std::make_shared<adapt::DseeOptions>();
    dsee->rank = rank, dsee->alpha = 13, dsee->targets = targets, dsee->num_sparse = kEntries;
    options = dsee;
  } else {
    auto lora = std::make_shared<adapt::LoraOptions>();
    lora->rank = rank, lora->alpha = 13, lora->targets = targets;
    options = lora;
  }
  adapt::builtin_methods().make({method, options})->attach(model, {1, *ranks, *ranks, resume});
}

inline std::unique_ptr<nn::Model> load(const std::filesystem::path& dir, Task task,
                                       const std::function<void(nn::Model&)>& cut = nullptr) {
  models::ModelOptions options;
  options.task = task;
  options.shard = cut;
  return models::load_model(dir.string(), options);
}

}  // namespace filigree::test
