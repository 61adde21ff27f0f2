#pragma once
// What the exports of adapters have in common: which models have one, the task head in it, and the directory that the
// peft package reads (adapter_config.json and adapter_model.safetensors).
//
// The base weights stay unchanged: a model with pruned structures or masks, or with trained parameters other than updates
// and the task head, is refused with a UsageError that names the format. The head's classes are written in the base's
// order, if the base names them. Parameters that the base's files lack, such as the pooler of a masked language model, are
// written with the head: who loads the base would initialize them at random.
#include <nlohmann/json.hpp>

#include <functional>
#include <memory>
#include <string>

#include "core/nn/adapter.h"
#include "core/nn/load_report.h"
#include "core/nn/model.h"
#include "core/safetensors/safetensors.h"

namespace filigree::checkpoint {

inline constexpr const char* kPeftPrefix = "base_model.model.";  ///< of the names of all tensors

using LoadBase = std::function<std::unique_ptr<nn::Model>(const std::string& dir, nn::LoadReport& report)>;

/// Throws UsageError if an adapter cannot hold what was trained. format: as in --format.
void check_expressible(nn::Model& model, const std::string& format);

/// The update of a linear that has one. Throws UsageError if it is not of the form s U V + t S2.
nn::LowRankForm form_of(const nn::Linear& linear, const std::string& format);

struct AdapterFiles {
  nlohmann::json config;  ///< what only this kind of adapter has
  NamedTensors tensors;   ///< of the updates
};

/// Adds the task head and what every adapter's configuration has, and writes the files. The adapter is read back, merged
/// into its base (directory `base`, as its configuration names it) and compared with the live model on a probe batch
/// before the directory is renamed into place. Returns the largest difference of a logit; throws InternalError beyond
/// kExportTolerance (export.h).
double write_adapter(nn::Model& model, AdapterFiles adapter, const std::string& dir, const std::string& base,
                     const LoadBase& reload);

}  // namespace filigree::checkpoint
