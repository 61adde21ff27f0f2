#pragma once
// GLUE's tasks in GLUE's own file layouts (https://gluebenchmark.com): files, header, columns, labels, metrics.
#include <string>
#include <vector>

#include "core/data/task.h"

namespace filigree::data {

/// The task before the recipe's keys apply; file names are relative. Throws UsageError on an unknown name.
TaskSpec preset_task(const std::string& name);
std::vector<std::string> preset_names();  ///< values of data.task

}  // namespace filigree::data
