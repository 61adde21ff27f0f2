// `filigree inspect`; declared in command.h.
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "core/counted.h"
#include "core/error.h"
#include "core/prune/inspect.h"
#include "core/run/open_model.h"
#include "dist/factory.h"
#include "launch/commands/command.h"
#include "launch/registries.h"

namespace filigree::launch {
namespace {

int64_t length_of(const InspectOptions& options, const nn::Model& model) {
  if (options.length == 0) return prune::flops_length(model);
  if (options.length > model.max_positions())
    throw UsageError(fmt::format("--length {}: {} has {}; use at most {}", options.length, options.model,
                                 counted(model.max_positions(), "position"), model.max_positions()));
  return options.length;
}

}  // namespace

int cmd_inspect(const InspectOptions& options, dist::Environment& environment) {
  if (environment.world_rank() != 0) return 0;
  const auto opened = train::open_model(options.model, make_registries());
  train::print_findings(opened);
  const auto summary = prune::summarize(*opened.model, *dist::make_single(), length_of(options, *opened.model));
  std::cerr << prune::to_text(summary);
  std::cout << prune::to_json(summary).dump() << '\n';
  return 0;
}

}  // namespace filigree::launch
