#include "core/train/stages/export.h"

#include <filesystem>

#include "core/error.h"
#include "core/files/ownership.h"
#include "core/log/exports_in.h"
#include "core/run/export_request.h"
#include "core/run/rank_zero.h"

namespace filigree::train {
namespace {

/// Makes the parent folders of an export: "a" for "a/b". Links are not followed.
void make_parents(const files::RunDirectory& run, const std::string& name) {
  const std::filesystem::path parents = std::filesystem::path(name).parent_path();
  std::filesystem::path made;
  for (const auto& part : parents) run.folder((made /= part).string());
}

void write_files(Session& session, const checkpoint::ExportSource& source, const recipe::ExportConfig& config,
                 const std::string& name) {
  const files::RunDirectory& run = session.store->run();
  run.require_present();
  make_parents(run, name);
  const std::string dir = run.at(name);
  const recipe::ModelConfig& base = session.recipe.model;
  auto request = export_request(*session.registries, *session.model,
                                {base.path, base.init == recipe::InitialWeights::random}, config.format, dir);
  request.dtype = config.dtype;
  request.shard_bytes = shard_bytes(config.shard_mb);
  request.existing = files::StagedDirectory::Existing::replace;
  request.recipe = recipe_beside(session.recipe, config.format);
  const auto result = checkpoint::export_model(*session.model, source, request);
  files::add_to_marker(dir, files::DirectoryKind::model_export, files::kFormatKey,
                       std::string(enum_name(config.format)));
  if (!result.base_problem.empty())
    session.log->warn("{}: unchanged weights are in fp32, because the base model's files can no longer be read: {}",
                      dir, result.base_problem);
  if (result.kept)
    session.log->warn("{}: contained files that this run did not write; they are now in {}", dir, *result.kept);
  session.log->info("exported to {} ({}); when read back, its logits differ from the live model's by at most {:.1e}{}",
                    dir, enum_name(config.format), result.largest_difference,
                    result.zero_filled
                        ? "; removed structures are zero-filled, formats hf_pruned and filigree keep the small shapes"
                        : "");
}

/// Gathers the first copy of the model on rank 0, which writes it.
void write_export(Session& session, const recipe::ExportConfig& config, const std::string& name) {
  checkpoint::ExportSource source;
  if (session.mesh->dp().rank() == 0) source = checkpoint::export_source(*session.model, session.mesh->tp());
  on_rank_zero(session.mesh->world(), [&] { write_files(session, source, config, name); });
}

}  // namespace

void export_stage(Session& session, const recipe::ExportConfig& config) { write_export(session, config, config.dir); }

void export_final(Session& session) {
  write_export(session, {.format = recipe::ExportFormat::filigree}, files::run_names::kFinal);
}

}  // namespace filigree::train
