#pragma once
// Writes a model to a directory with its updates merged: config.json, model.safetensors, and the base's tokenizer files with
// its chat templates and, for a causal language model, its generation_config.json.
//
//   hf         loads in transformers as is. If pruning left one FFN width in all layers, config.json has that
//              width. What transformers cannot represent (uneven widths, removed heads) is zero-filled to the
//              original shape. The logits stay the same: a head or neuron with zero weights adds nothing.
//   hf_pruned  small shapes that transformers loads: see core/export/export_pruned.h. eval, predict and inspect
//              also read it.
//   filigree   small shapes. config.json keeps the original sizes and lists the units kept per layer:
//              "filigree": {"heads": [[numbers kept]...], "neurons": [[numbers kept]...]}. eval, predict and
//              inspect read it; transformers does not.
//
// Merging is in fp32: mask * W0 + D. Weights that are unchanged are written as the base's files hold them
// (export_dtype.h). The directory is written under a temporary name, read back and compared with the live model on a
// probe batch, and only then renamed into place: it is complete or absent. Where the files have other values than the live
// model, because of a data type, the values are compared with those written, and the logits with the live model's values.
// A directory that is not empty is refused, unless ExportRequest::existing is `replace`.
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "core/data/batch.h"
#include "core/export/export_dtype.h"
#include "core/files/staged_directory.h"
#include "core/nn/model.h"
#include "core/recipe/choices.h"
#include "core/safetensors/safetensors.h"
#include "dist/communicator.h"

namespace filigree::checkpoint {

/// The model's weights by logical name, fp32 on the CPU, with adapters and masks merged, in their current
/// shapes. tp: the ranks that share one copy of the model; its rank 0 gets full tensors and the others nothing.
/// Collective over them.
NamedTensors merged_state(nn::Model& model, dist::Communicator& tp);

/// What an export is made from: the merged weights, and the model's logits on the probe batch.
struct ExportSource {
  NamedTensors state;
  at::Tensor logits;
};
ExportSource export_source(nn::Model& model, dist::Communicator& tp);  ///< collective as merged_state

using recipe::ExportFormat;

struct ExportRequest {
  std::string dir;
  ExportFormat format = ExportFormat::hf;
  /// Its tokenizer files, chat templates and generation_config.json are copied as they are; "": none.
  std::string base_dir;
  /// Loads the written directory as the program would, for the comparison.
  std::function<std::unique_ptr<nn::Model>(const std::string& dir)> reload;
  ExportDtype dtype = ExportDtype::automatic;
  /// Loads the model that the weights come from. Unset: there is none, as with random initial weights.
  std::function<BaseWeights()> base = nullptr;
  uint64_t shard_bytes = 0;  ///< maximum bytes per weight file; 0: one file
  std::string recipe;        ///< text of the recipe.yaml to write next to the model; empty: none
  files::StagedDirectory::Existing existing = files::StagedDirectory::Existing::refuse;
};

/// DataError for what an export could not copy although its name is that of a file to copy: a directory, a pipe, a socket, a
/// device, or a file that cannot be read. For the start of a command: an export itself skips such an entry, so that it
/// does not end a finished training. A link that leads to no file is one, too; a missing file is not.
void check_files_to_copy(const std::string& base_dir, Task task);

struct ExportResult {
  double largest_difference = 0;  ///< of a logit, between the live model and the export
  bool zero_filled = false;       ///< some structures were zero-filled
  std::string base_problem;       ///< why the base's files could not be read, so that all weights count as changed
  /// With Existing::replace: the new name of an existing directory that was not an untouched export.
  std::optional<std::string> kept;
};

/// Throws UsageError if the directory is not empty, DataError if a write fails, InternalError if a logit that
/// was read back differs by more than kExportTolerance * max(1, largest logit). Called on one rank.
inline constexpr double kExportTolerance = 1e-4;
ExportResult export_model(nn::Model& model, const ExportSource& source, const ExportRequest& request);
/// For a model that is entirely on this rank.
ExportResult export_model(nn::Model& model, const ExportRequest& request);

/// The config.json of an export. dtype: of the weights in the files (common_dtype).
nlohmann::json export_config(nn::Model& model, ExportFormat format, const std::string& dtype = "float32");

/// A few samples of random tokens, the same each time.
data::Batch probe_batch(nn::Model& model);
/// Largest absolute difference of the logits in fp32 evaluation.
double largest_difference(nn::Model& a, nn::Model& b, const data::Batch& probe);
/// The same for a live model and its export. DataError if the live model's logits are not finite;
/// InternalError beyond kExportTolerance.
double compare_logits(const at::Tensor& live, const at::Tensor& reread);
double compare_logits(nn::Model& live, nn::Model& reread, const data::Batch& probe);

}  // namespace filigree::checkpoint
