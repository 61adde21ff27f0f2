#pragma once
// The request with which core/export/export.h exports a model and reads the export back.
#include <cstdint>
#include <string>

#include "core/export/export.h"
#include "core/export/peft/adapter_files.h"
#include "core/run/session.h"

namespace filigree::train {

/// Where a model comes from.
struct ExportBase {
  std::string files;    ///< directory of its tokenizer files and, unless `random`, of its first weights
  bool random = false;  ///< its first weights were random
};

/// The request to export a model to `dir`, with `reload` and `base` filled in.
checkpoint::ExportRequest export_request(const Registries& registries, nn::Model& model, const ExportBase& base,
                                         checkpoint::ExportFormat format, const std::string& dir);

/// Loads the base of an adapter for a task like the model's.
checkpoint::LoadBase base_loader(const Registries& registries, nn::Model& model);

uint64_t shard_bytes(double mebibytes);

/// The text of the recipe.yaml to write into an export of this format: with it, `eval` needs no --data. Empty for formats
/// of other programs.
std::string recipe_beside(const recipe::Recipe& recipe, checkpoint::ExportFormat format);

}  // namespace filigree::train
