#pragma once
// Findings from reading a model's files: missing tensors, unused tensors, notes.
#include <c10/core/ScalarType.h>

#include <map>
#include <string>
#include <vector>

namespace filigree::nn {

struct LoadReport {
  std::vector<std::string> newly_initialized;     ///< parameters that the files lack: randomly initialized
  std::vector<std::string> unused;                ///< tensors of the files that the model does not have
  std::map<std::string, c10::ScalarType> dtypes;  ///< in the files, by parameter; without those that they lack
  std::vector<std::string> notes;                 ///< sentences about what was read differently than the files suggest
};

/// One line per kind of finding; lists at most a few tensors and counts the rest. `path`: the model's directory.
std::vector<std::string> describe(const LoadReport& report, const std::string& path);

/// Throws DataError if `dir` holds an adapter of the peft package (adapter_config.json) instead of a model.
void refuse_adapter(const std::string& dir);

/// "a, b, c and 4 more".
std::string short_list(const std::vector<std::string>& names);

}  // namespace filigree::nn
