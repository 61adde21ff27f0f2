// `filigree export`; declared in command.h.
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/export/peft/export_peft.h"
#include "core/export/peft/export_supertuning.h"
#include "core/files/run_paths.h"
#include "core/run/export_request.h"
#include "core/run/open_model.h"
#include "launch/commands/command.h"
#include "launch/registries.h"

namespace filigree::launch {
namespace {

/// The formats of an adapter, which need the separate updates.
bool is_adapter(const std::string& format) { return format == "peft" || format == "peft_supertuning"; }

template <class Enum>
Enum choice(const std::string& flag, const std::string& given) {
  const auto value = enum_from<Enum>(given);
  FG_CHECK(value, "{} {} is not a choice", flag, given);
  return *value;
}

checkpoint::ExportRequest request_of(const train::OpenedModel& opened, const train::Registries& registries,
                                     const ExportOptions& options, recipe::ExportFormat format) {
  return train::export_request(registries, *opened.model, {opened.files, opened.random_base}, format, options.dir);
}

nlohmann::ordered_json export_merged(const train::OpenedModel& opened, const train::Registries& registries,
                                     const ExportOptions& options) {
  const auto format = choice<recipe::ExportFormat>("--format", options.format);
  auto request = request_of(opened, registries, options, format);
  request.shard_bytes = train::shard_bytes(options.shard_mb);
  request.dtype = choice<recipe::ExportDtype>("--dtype", options.dtype);
  if (opened.recipe) request.recipe = train::recipe_beside(*opened.recipe, format);
  const auto result = checkpoint::export_model(*opened.model, request);
  if (!result.base_problem.empty())
    std::cerr << fmt::format("warning: {}; unchanged weights are written in fp32\n", result.base_problem);
  if (result.zero_filled)
    std::cerr
        << "note: transformers cannot represent the pruned shapes, so they are padded with zeros; to keep them small, "
           "use --format hf_pruned (transformers 4, or 5 with trust_remote_code=True) or --format filigree\n";
  return {{"largest_difference", result.largest_difference}, {"zero_filled", result.zero_filled}};
}

nlohmann::ordered_json export_adapter(const train::OpenedModel& opened, const train::Registries& registries,
                                      const ExportOptions& options) {
  if (opened.random_base)
    throw UsageError(
        fmt::format("--format {}: the run began from random weights, so that there is no base for an adapter; "
                    "use --format hf",
                    options.format));
  const auto reload = train::base_loader(registries, *opened.model);
  const auto write = options.format == "peft" ? checkpoint::export_peft : checkpoint::export_supertuning;
  return {{"largest_difference", write(*opened.model, options.dir, opened.files, reload)}};
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
  const bool adapter = is_adapter(options.format);
  const auto opened = train::open_model(adapter ? with_updates(options.source) : options.source, registries);
  train::refuse_random_parameters(opened);
  train::print_findings(opened);
  checkpoint::check_files_to_copy(opened.files, opened.model->task());
  nlohmann::ordered_json json = {{"dir", options.dir}, {"format", options.format}};
  json.update(adapter ? export_adapter(opened, registries, options) : export_merged(opened, registries, options));
  std::cout << json.dump() << '\n';
  return 0;
}

}  // namespace filigree::launch
