#include "core/run/export_request.h"

#include <utility>

#include "core/error.h"
#include "core/recipe/load.h"
#include "core/run/open_model.h"

namespace filigree::train {
namespace {

/// Loads a written export, or the base of an adapter, as the program would.
ModelRequest like(nn::Model& model) {
  ModelRequest load;
  load.task = model.task();
  load.labels = label_names(model);
  load.reset_head = recipe::ResetHead::automatic;  // the base of an adapter may have a different head
  return load;
}

/// An export comes after the training: files that can no longer be read do not prevent it.
checkpoint::BaseWeights read_base(const Registries& registries, const std::string& files, ModelRequest load) {
  checkpoint::BaseWeights base;
  nn::LoadReport report;
  load.report = &report;
  try {
    base.model = registries.load_model(files, load);
    base.dtypes = std::move(report.dtypes);
  } catch (const UserError& error) {
    base.problem = error.what();
  }
  return base;
}

}  // namespace

checkpoint::ExportRequest export_request(const Registries& registries, nn::Model& model, const ExportBase& base,
                                         checkpoint::ExportFormat format, const std::string& dir) {
  checkpoint::ExportRequest request;
  request.dir = dir;
  request.format = format;
  request.base_dir = base.files;
  request.reload = [&registries, load = like(model)](const std::string& written) {
    return registries.load_model(written, load);
  };
  if (!base.random)
    request.base = [&registries, files = base.files, load = like(model)] { return read_base(registries, files, load); };
  return request;
}

checkpoint::LoadBase base_loader(const Registries& registries, nn::Model& model) {
  return [&registries, load = like(model)](const std::string& dir, nn::LoadReport& report) {
    ModelRequest request = load;
    request.report = &report;
    return registries.load_model(dir, request);
  };
}

uint64_t shard_bytes(double mebibytes) { return static_cast<uint64_t>(mebibytes * 1024 * 1024); }

std::string recipe_beside(const recipe::Recipe& recipe, checkpoint::ExportFormat format) {
  return format == checkpoint::ExportFormat::filigree ? recipe::to_yaml(recipe) : "";
}

}  // namespace filigree::train
