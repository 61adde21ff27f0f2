// `filigree report`; declared in command.h.
#include <iostream>

#include "core/report/report.h"
#include "launch/commands/command.h"

namespace filigree::launch {

int cmd_report(const ReportOptions& options, dist::Environment& environment) {
  if (environment.world_rank() == 0) std::cout << train::write_report(options.run) << '\n';
  return 0;
}

}  // namespace filigree::launch
