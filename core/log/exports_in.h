#pragma once
// The exports that exist in a run directory, for the end of a run and its report. A recipe may name others: its
// export.dir may have changed since they were written.
#include <string>
#include <vector>

namespace filigree::files {  // it describes directories, as core/files does

inline constexpr const char* kFormatKey = "format";  ///< of an export's marker

struct FoundExport {
  std::string name;    ///< relative to the run directory, for a message: without control characters, and shortened
  std::string format;  ///< of its marker; without it, as its files show
};

/// Sorted by name, final/ last. Directories that were set aside (.kept-N) are not exports of the run.
std::vector<FoundExport> exports_in(const std::string& run_dir);

}  // namespace filigree::files
