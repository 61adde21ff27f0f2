#pragma once
// What core/export/export.h needs to know to export a model and to read the export back.
#include <string>

#include "core/export/export.h"
#include "core/run/session.h"

namespace filigree::train {

/// How a model is exported to `dir`: the request that core/export/export.h takes, with the reading back filled in.
/// files: directory of the tokenizer files.
checkpoint::ExportRequest export_request(const Plugins& plugins, nn::Model& model, const std::string& files,
                                         const std::string& format, const std::string& dir, double shard_mb = 0);

}  // namespace filigree::train
