#include "core/run/export_request.h"

#include "core/recipe/load.h"
#include "core/run/open_model.h"

namespace filigree::train {

checkpoint::ExportRequest export_request(const Registries& registries, nn::Model& model, const std::string& files,
                                         checkpoint::ExportFormat format, const std::string& dir, double shard_mb) {
  checkpoint::ExportRequest request;
  request.dir = dir;
  request.format = format;
  request.base_dir = files;
  request.shard_bytes = static_cast<uint64_t>(shard_mb * 1024 * 1024);
  request.reload = [&registries, task = model.task(), labels = label_names(model)](const std::string& written) {
    ModelRequest load;
    load.task = task;
    load.labels = labels;
    load.reset_head = recipe::ResetHead::automatic;  // the base of an adapter may have a different head
    return registries.load_model(written, load);
  };
  return request;
}

std::string recipe_beside(const recipe::Recipe& recipe, checkpoint::ExportFormat format) {
  return format == checkpoint::ExportFormat::filigree ? recipe::to_yaml(recipe) : "";
}

}  // namespace filigree::train
