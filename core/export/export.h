#pragma once
// Writes a model to a directory with its updates merged: config.json, model.safetensors (all fp32) and the tokenizer's
// files.
//
//   hf        transformers loads it as it is. Neurons pruned to one width in all layers become that width in
//             config.json; what transformers has no way to say (uneven widths, removed heads) is filled up with zeros
//             to the original shape, which gives the same logits: a head or neuron of zero weights adds nothing.
//   hf_pruned  small shapes that transformers loads: see core/export/export_pruned.h. eval, predict and inspect
//             read it too.
//   filigree  keeps the small shapes. config.json says which units are left, per layer, the sizes in it stay the
//             original ones: "filigree": {"heads": [[numbers kept]...], "neurons": [[numbers kept]...]}. eval, predict
//             and inspect read it; transformers does not.
//
// Merging is in fp32: mask * W0 + D. The directory is written aside, read back and compared with the live model on a
// probe batch, and only then renamed to its name: it is whole or absent. One that holds anything already is refused.
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "core/data/batch.h"
#include "core/files/staged_directory.h"
#include "core/nn/model.h"
#include "core/safetensors/safetensors.h"
#include "dist/communicator.h"

namespace filigree::checkpoint {

/// The model's weights by logical name, fp32 on the CPU, adapters and masks merged, in the shapes they have now. With
/// `tensor`, the ranks that share one copy of the model: whole tensors on the first of them, nothing on the others;
/// collective over them.
NamedTensors merged_state(nn::Model& model, dist::Communicator* tensor = nullptr);

/// What an export is made from: the merged weights, and the model's logits on the probe batch.
struct ExportSource {
  NamedTensors state;
  at::Tensor logits;
};
ExportSource export_source(nn::Model& model, dist::Communicator* tensor = nullptr);  ///< collective as merged_state

enum class ExportFormat { hf, hf_pruned, filigree };
ExportFormat export_format_from(const std::string& name);  ///< throws UsageError

struct ExportRequest {
  std::string dir;
  ExportFormat format = ExportFormat::hf;
  std::string tokenizer_dir;  ///< its tokenizer files are copied as they are; "": none
  /// Loads a directory as the program would, for the comparison.
  std::function<std::unique_ptr<nn::Model>(const std::string& dir)> reload;
  uint64_t shard_bytes = 0;  ///< most bytes of a weight file; 0: one file
  std::string recipe;        ///< text of the recipe.yaml that is written beside the model; empty: none
  files::StagedDirectory::Existing existing = files::StagedDirectory::Existing::refuse;
};

struct ExportResult {
  double largest_difference = 0;  ///< of a logit, between the live model and what was read back
  bool zero_filled = false;       ///< some structures were filled up with zeros
  /// Where a directory that was in the way is now: with Existing::replace, one that is no untouched export.
  std::optional<std::string> kept;
};

/// Throws UsageError when the directory is not empty, DataError when the disk refuses, InternalError when what was read
/// back differs by more than kExportTolerance of the largest logit, or of 1 where all are smaller. Called on one rank.
inline constexpr double kExportTolerance = 1e-4;
ExportResult export_model(nn::Model& model, const ExportSource& source, const ExportRequest& request);
/// Of a model that lies on this rank alone.
inline ExportResult export_model(nn::Model& model, const ExportRequest& request) {
  return export_model(model, export_source(model), request);
}

/// The config.json of an export.
nlohmann::json export_config(nn::Model& model, ExportFormat format);

/// A few samples of random tokens, the same each time.
data::Batch probe_batch(nn::Model& model);
/// Largest absolute difference of the logits in fp32 evaluation.
double largest_difference(nn::Model& a, nn::Model& b, const data::Batch& probe);
/// The same for a live model and what was written of it. DataError when the live model's logits are not finite;
/// InternalError beyond the tolerance of an export.
double compare_logits(const at::Tensor& live, const at::Tensor& reread);
double compare_logits(nn::Model& live, nn::Model& reread, const data::Batch& probe);

}  // namespace filigree::checkpoint
