#include "core/train/exporting.h"

#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "core/recipe/load.h"
#include "core/train/first_rank.h"

namespace filigree::train {
namespace {

void write_export(Session& session, const std::string& format, const std::string& dir, bool with_recipe) {
  auto request = export_request(*session.plugins, *session.model, session.recipe.model.path, format, dir);
  request.replace = true;
  const auto result = checkpoint::export_model(*session.model, request);
  session.log->info(
      "exported to {} ({}); read back, its logits differ from the live model's by at most {:.1e}{}", dir, format,
      result.largest_difference,
      result.zero_filled ? "; removed structures are filled up with zeros, format filigree keeps them small" : "");
  if (!with_recipe) return;
  std::ofstream out(dir + "/recipe.yaml");
  out << recipe::to_yaml(session.recipe);
  out.flush();
  if (!out) throw DataError(fmt::format("{}/recipe.yaml: cannot be written; is the disk full?", dir));
}

}  // namespace

checkpoint::ExportRequest export_request(const Plugins& plugins, nn::Model& model, const std::string& files,
                                         const std::string& format, const std::string& dir) {
  checkpoint::ExportRequest request;
  request.dir = dir;
  request.format = checkpoint::export_format_from(format);
  request.tokenizer_dir = files;
  request.reload = [&plugins, task = model.task()](const std::string& written) {
    ModelRequest load;
    load.task = task;
    return plugins.load_model(written, load);
  };
  return request;
}

void export_stage(Session& session, const recipe::ExportConfig& config) {
  on_first_rank(session, [&] { write_export(session, config.format, session.run_dir + "/" + config.dir, false); });
}

void export_final(Session& session) {
  on_first_rank(session, [&] { write_export(session, "filigree", session.run_dir + "/final", true); });
}

}  // namespace filigree::train
