#pragma once
// `filigree report`: one self-contained HTML page about a run, generated from its metrics.jsonl, recipe.yaml and
// plans/. It fetches no script, font or picture; curves and the pruned structure are inline SVG. Works on unfinished
// runs.
#include <string>

namespace filigree::train {

/// Writes RUN/report.html and returns its path. DataError if RUN has no metrics or cannot be written.
std::string write_report(const std::string& run_dir);

}  // namespace filigree::train
