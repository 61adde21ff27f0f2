#pragma once
// `filigree report`: one self-contained HTML page about a run, made from its metrics.jsonl and recipe.yaml. No script,
// no font and no picture is fetched; curves and the pruned structure are inline SVG. Works on runs that are unfinished.
#include <string>

namespace filigree::train {

/// Writes RUN/report.html and returns its path. DataError when RUN has no metrics or cannot be written.
std::string write_report(const std::string& run_dir);

}  // namespace filigree::train
