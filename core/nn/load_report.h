#pragma once
// Findings from reading a model's files: missing tensors, unused tensors, notes.
#include <string>
#include <vector>

namespace filigree::nn {

struct LoadReport {
  std::vector<std::string> newly_initialized;  ///< parameters that the files lack: randomly initialized
  std::vector<std::string> unused;             ///< tensors of the files that the model does not have
  std::vector<std::string> notes;              ///< sentences about what was read differently than the files suggest
};

/// One line per kind of finding; lists at most a few tensors and counts the rest. `path`: the model's directory.
std::vector<std::string> describe(const LoadReport& report, const std::string& path);

/// "a, b, c and 4 more".
std::string short_list(const std::vector<std::string>& names);

}  // namespace filigree::nn
