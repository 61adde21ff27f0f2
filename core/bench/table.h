#pragma once
// The results as text: runs.csv (a row per run), bench.csv (a row per method) and bench.md (the same, to read).
#include <string>
#include <vector>

#include "core/bench/result.h"
#include "core/bench/summary.h"

namespace filigree::bench {

/// What the table says about the bench as a whole.
struct TableText {
  std::string name;
  int64_t ranks = 1;
  std::string plot;  ///< file name of the drawing
};

std::string runs_csv(const std::vector<RunResult>& results);
std::string summary_csv(const std::vector<MethodSummary>& methods);
std::string summary_markdown(const TableText& text, const std::vector<MethodSummary>& methods,
                             const std::vector<RunResult>& results);

/// A value of a metric: "0.9123", or "1.235e+10".
std::string metric_value(double value);

/// "0.9123 ± 0.0031", "0.9123" for one run, "–" for none.
std::string spread_text(const MethodSummary& method);

/// The metric that most methods share with its split, "accuracy on dev"; "metric" if none has one.
std::string shared_metric(const std::vector<MethodSummary>& methods);

/// "accuracy on dev" of one method; empty without a run.
std::string metric_of(const MethodSummary& method);
std::string metric_of(const RunResult& run);

/// The text with a space for each control character: a name in a file of results may have a line end.
std::string one_line(std::string text);

/// A field of CSV (RFC 4180), quoted if needed. A line end becomes a space, so that a row is a line.
std::string csv_field(const std::string& text);

/// The rows of a CSV text, the header first. A byte order mark is skipped, and an empty line is not a row. DataError
/// "PATH:LINE: ..." if a quoted field does not end.
std::vector<std::vector<std::string>> csv_rows(const std::string& text, const std::string& path);

}  // namespace filigree::bench
