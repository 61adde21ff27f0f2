// `filigree inspect`; declared in command.h.
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/prune/inspect.h"
#include "core/run/open_model.h"
#include "dist/factory.h"
#include "launch/commands/command.h"
#include "launch/registries.h"

namespace filigree::launch {

int cmd_inspect(const InspectOptions& options, dist::Environment& environment) {
  if (environment.world_rank() != 0) return 0;
  const auto opened = train::open_model(options.model, make_registries());
  train::print_findings(opened);
  const auto summary = prune::summarize(*opened.model, *dist::make_single());
  std::cerr << prune::to_text(summary);
  std::cout << prune::to_json(summary).dump() << '\n';
  return 0;
}

}  // namespace filigree::launch
