#include "core/train/exporting.h"

#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "core/recipe/load.h"
#include "core/train/first_rank.h"
#include "core/train/open_model.h"

namespace filigree::train {
namespace {

void write_files(Session& session, const checkpoint::ExportSource& source, const recipe::ExportConfig& config,
                 const std::string& dir, bool with_recipe) {
  const std::string& format = config.format;
  auto request =
      export_request(*session.plugins, *session.model, session.recipe.model.path, format, dir, config.shard_mb);
  request.replace = true;
  const auto result = checkpoint::export_model(*session.model, source, request);
  session.log->info(
      "exported to {} ({}); read back, its logits differ from the live model's by at most {:.1e}{}", dir, format,
      result.largest_difference,
      result.zero_filled
          ? "; removed structures are filled up with zeros, formats hf_pruned and filigree keep them small"
          : "");
  if (!with_recipe) return;
  std::ofstream out(dir + "/recipe.yaml");
  out << recipe::to_yaml(session.recipe);
  out.flush();
  if (!out) throw DataError(fmt::format("{}/recipe.yaml: cannot be written; is the disk full?", dir));
}

/// The first copy of the model is brought together on rank 0, which writes it.
void write_export(Session& session, const recipe::ExportConfig& config, const std::string& dir, bool with_recipe) {
  checkpoint::ExportSource source;
  if (session.mesh->dp().rank() == 0) source = checkpoint::export_source(*session.model, session.tensor());
  on_first_rank(session, [&] { write_files(session, source, config, dir, with_recipe); });
}

}  // namespace

checkpoint::ExportRequest export_request(const Plugins& plugins, nn::Model& model, const std::string& files,
                                         const std::string& format, const std::string& dir, double shard_mb) {
  checkpoint::ExportRequest request;
  request.dir = dir;
  request.format = checkpoint::export_format_from(format);
  request.tokenizer_dir = files;
  request.shard_bytes = static_cast<uint64_t>(shard_mb * 1024 * 1024);
  request.reload = [&plugins, task = model.task(), labels = label_names(model)](const std::string& written) {
    ModelRequest load;
    load.task = task;
    load.labels = labels;
    load.reset_head = "auto";  // the base of an adapter may have another head than the adapter's
    return plugins.load_model(written, load);
  };
  return request;
}

void export_stage(Session& session, const recipe::ExportConfig& config) {
  write_export(session, config, session.run_dir + "/" + config.dir, false);
}

void export_final(Session& session) { write_export(session, {.format = "filigree"}, session.run_dir + "/final", true); }

}  // namespace filigree::train
