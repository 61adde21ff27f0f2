#pragma once
// The request with which core/export/export.h exports a model and reads the export back.
#include <string>

#include "core/export/export.h"
#include "core/run/session.h"

namespace filigree::train {

/// The request to export a model to `dir`, with `reload` filled in. files: directory of the tokenizer files.
checkpoint::ExportRequest export_request(const Registries& registries, nn::Model& model, const std::string& files,
                                         checkpoint::ExportFormat format, const std::string& dir, double shard_mb = 0);

/// The text of the recipe.yaml to write into an export of this format: with it, `eval` needs no --data. Empty for formats
/// of other programs.
std::string recipe_beside(const recipe::Recipe& recipe, checkpoint::ExportFormat format);

}  // namespace filigree::train
