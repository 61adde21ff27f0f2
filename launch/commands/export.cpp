// `filigree export`; declared in command.h.
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/export/peft/export_peft.h"
#include "core/files/run_paths.h"
#include "core/run/export_request.h"
#include "core/run/open_model.h"
#include "launch/commands/command.h"
#include "launch/registries.h"

namespace filigree::launch {
namespace {

nlohmann::ordered_json export_merged(const train::OpenedModel& opened, const train::Registries& registries,
                                     const ExportOptions& options) {
  const auto format = enum_from<recipe::ExportFormat>(options.format);
  FG_CHECK(format, "--format {} is not a choice", options.format);
  auto request = train::export_request(registries, *opened.model, opened.files, *format, options.dir, options.shard_mb);
  if (opened.recipe) request.recipe = train::recipe_beside(*opened.recipe, *format);
  const auto result = checkpoint::export_model(*opened.model, request);
  if (result.zero_filled)
    std::cerr
        << "note: transformers cannot represent the pruned shapes, so they are padded with zeros; to keep them small, "
           "use --format hf_pruned (transformers 4, or 5 with trust_remote_code=True) or --format filigree\n";
  return {{"largest_difference", result.largest_difference}, {"zero_filled", result.zero_filled}};
}

nlohmann::ordered_json export_adapter(const train::OpenedModel& opened, const train::Registries& registries,
                                      const ExportOptions& options) {
  const auto reload =
      train::export_request(registries, *opened.model, opened.files, checkpoint::ExportFormat::hf, options.dir, 0)
          .reload;
  return {{"largest_difference", checkpoint::export_peft(*opened.model, options.dir, opened.files, reload)}};
}

/// A run's final model is merged; the separate updates are in its checkpoints.
std::string with_updates(const std::string& source) {
  const auto newest = checkpoint::newest_whole(files::RunPaths(source).checkpoints());
  return newest ? newest->path : source;
}

}  // namespace

int cmd_export(const ExportOptions& options, dist::Environment& environment) {
  if (environment.world_rank() != 0) return 0;
  const auto registries = make_registries();
  const bool peft = options.format == "peft";
  const auto opened = train::open_model(peft ? with_updates(options.source) : options.source, registries);
  train::refuse_random_parameters(opened);
  train::print_findings(opened);
  checkpoint::check_files_to_copy(opened.files, opened.model->task());
  nlohmann::ordered_json json = {{"dir", options.dir}, {"format", options.format}};
  json.update(peft ? export_adapter(opened, registries, options) : export_merged(opened, registries, options));
  std::cout << json.dump() << '\n';
  return 0;
}

}  // namespace filigree::launch
