#include "core/bench/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "core/counted.h"
#include "core/error.h"
#include "core/files/disk.h"
#include "core/report/report_parts.h"
#include "core/shown.h"

namespace filigree::bench {
namespace {

constexpr const char* kNothing = "–";
constexpr size_t kLongestError = 300;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string csv_line(const std::vector<std::string>& fields) {
  std::vector<std::string> quoted;
  for (const std::string& field : fields) quoted.push_back(csv_field(field));
  return fmt::format("{}\n", fmt::join(quoted, ","));
}

std::string number_text(const std::optional<double>& number) { return number ? fmt::format("{}", *number) : ""; }

std::string value_text(const nlohmann::ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{}", value.get<double>());
  return value.dump();
}

template <class Format>
std::string cell(const std::optional<double>& number, const Format& format) {
  return number ? format(*number) : kNothing;
}

/// As in the report; without decimals if it is none.
std::string share_text(double share) { return share == 0 ? "0%" : train::percent(share); }

std::string bytes_text(double bytes) { return files::format_bytes(static_cast<uint64_t>(std::llround(bytes))); }

/// On one line of Markdown, with a backslash before each of `special`.
std::string escaped(const std::string& text, std::string_view special) {
  std::string out;
  for (const char c : one_line(text)) {
    if (special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

/// In a cell of a table, a line end or a bar would end the cell, and a tag would not be shown.
std::string in_cell(const std::string& text) { return escaped(text, "\\|<"); }

/// In the text of an image, a bracket could end it.
std::string in_brackets(const std::string& text) { return escaped(text, "\\[]<"); }

/// "Seeds 1, 2, 3, ": those of the runs in the table.
std::string seeds_text(const std::vector<RunResult>& results) {
  std::set<int64_t> seeds;
  std::map<std::string, std::set<int64_t>> by_method;
  for (const RunResult& run : results) seeds.insert(run.seed), by_method[run.method].insert(run.seed);
  if (seeds.empty()) return "";
  const bool same = std::ranges::all_of(by_method, [&](const auto& entry) { return entry.second == seeds; });
  return fmt::format("{} {}{}, ", seeds.size() == 1 ? "Seed" : "Seeds", fmt::join(seeds, ", "),
                     same ? "" : " (not every method has each)");
}

std::string metric_on(const std::string& metric, const std::string& split) {
  return metric.empty() || split.empty() ? metric : fmt::format("{} on {}", metric, split);
}

std::string markdown_row(const MethodSummary& method, const std::string& shared) {
  const std::string metric = metric_of(method);
  const std::string name = method.external ? method.method + " (external)" : method.method;
  const std::string value =
      spread_text(method) + (metric.empty() || metric == shared ? "" : fmt::format(" {}", metric));
  const std::string runs =
      method.failed == 0 ? fmt::format("{}", method.done) : fmt::format("{}, {} failed", method.done, method.failed);
  return fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", in_cell(name), in_cell(value), runs,
                     cell(method.trainable_share, share_text), cell(method.sparsity, share_text),
                     cell(method.flops_share, share_text), cell(method.bytes_per_step, bytes_text),
                     cell(method.bytes_share, share_text), cell(method.peak_memory_bytes, bytes_text),
                     cell(method.step_ms, [](double ms) { return fmt::format("{:.1f}", ms); }),
                     cell(method.seconds, [](double seconds) { return fmt::format("{:.0f}", seconds); }));
}

std::string markdown_errors(const std::vector<RunResult>& results) {
  std::string rows;
  for (const RunResult& run : results)
    if (run.failed())
      rows +=
          fmt::format("| {} | {} | {} |\n", in_cell(run.method), run.seed, in_cell(shown(run.error, kLongestError)));
  return rows.empty() ? "" : "\nFailed runs:\n\n| method | seed | error |\n| --- | --- | --- |\n" + rows;
}

}  // namespace

std::string one_line(std::string text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < ' '; }, ' ');
  return text;
}

std::string csv_field(const std::string& text) {
  std::string line = text;
  std::ranges::replace(line, '\n', ' ');
  std::ranges::replace(line, '\r', ' ');
  if (line.find_first_of(",\"") == std::string::npos) return line;
  std::string quoted = "\"";
  for (const char c : line) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::vector<std::vector<std::string>> csv_rows(const std::string& text, const std::string& path) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
  std::string field;
  bool quoted = false, any = false;
  int line = 1, opened = 1;
  const auto end_row = [&] {
    if (any) row.push_back(std::move(field)), rows.push_back(std::move(row));
    row.clear(), field.clear(), any = false;
  };
  for (size_t i = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      field += text[++i];
    } else if (c == '"' && (quoted || field.empty())) {
      quoted = !quoted, any = true, opened = line;
    } else if (!quoted && c == ',') {
      row.push_back(std::move(field)), field.clear(), any = true;
    } else if (!quoted && c == '\n') {
      end_row();
    } else if (quoted || c != '\r') {
      field += c, any = true;
    }
  }
  if (quoted) throw DataError(fmt::format("{}:{}: a quoted field does not end", path, opened));
  end_row();
  return rows;
}

std::string runs_csv(const std::vector<RunResult>& results) {
  std::string out = csv_line(columns());
  for (const RunResult& result : results) {
    const auto object = to_json(result);
    std::vector<std::string> fields;
    for (const std::string& column : columns())
      fields.push_back(object.contains(column) ? value_text(object[column]) : "");
    out += csv_line(fields);
  }
  return out;
}

std::string summary_csv(const std::vector<MethodSummary>& methods) {
  std::string out = csv_line({"method", "external", "metric", "split", "done", "failed", "mean", "deviation",
                              "trainable", "total", "trainable_share", "sparsity", "flops_share", "bytes_per_step",
                              "bytes_share", "step_ms", "seconds", "peak_memory_bytes"});
  for (const MethodSummary& method : methods) {
    std::vector<std::string> fields{method.method,
                                    method.external ? "true" : "false",
                                    method.metric,
                                    method.split,
                                    fmt::format("{}", method.done),
                                    fmt::format("{}", method.failed),
                                    method.spread ? fmt::format("{}", method.spread->mean) : "",
                                    method.spread ? number_text(method.spread->deviation) : ""};
    for (const auto& number :
         {method.trainable, method.total, method.trainable_share, method.sparsity, method.flops_share,
          method.bytes_per_step, method.bytes_share, method.step_ms, method.seconds, method.peak_memory_bytes})
      fields.push_back(number_text(number));
    out += csv_line(fields);
  }
  return out;
}

std::string metric_value(double value) {
  constexpr double kLargest = 1e9;
  return std::abs(value) < kLargest ? fmt::format("{:.4f}", value) : fmt::format("{:.4g}", value);
}

std::string spread_text(const MethodSummary& method) {
  if (!method.spread) return kNothing;
  const std::string mean = metric_value(method.spread->mean);
  return method.spread->deviation ? fmt::format("{} ± {}", mean, metric_value(*method.spread->deviation)) : mean;
}

std::string metric_of(const MethodSummary& method) { return metric_on(method.metric, method.split); }

std::string metric_of(const RunResult& run) { return metric_on(run.metric, run.split); }

std::string shared_metric(const std::vector<MethodSummary>& methods) {
  std::map<std::string, int> counts;
  std::string most = "metric";
  for (const MethodSummary& method : methods) {
    const std::string metric = metric_of(method);
    if (!metric.empty() && ++counts[metric] > (counts.contains(most) ? counts[most] : 0)) most = metric;
  }
  return most;
}

std::string summary_markdown(const TableText& text, const std::vector<MethodSummary>& methods,
                             const std::vector<RunResult>& results) {
  const std::string shared = shared_metric(methods);
  std::string out = fmt::format("# {}\n\n", text.name);
  out += fmt::format("{}{}. The metric is the mean ± the standard deviation over the seeds.\n\n", seeds_text(results),
                     counted(text.ranks, "rank"));
  out += fmt::format(
      "| method | {} | runs | trainable | zeros | FLOPs | bytes per step | of full | peak memory | ms "
      "per step | seconds |\n",
      in_cell(shared));
  out += "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
  for (const MethodSummary& method : methods) out += markdown_row(method, shared);
  out += fmt::format("\n![{} by method]({})\n", in_brackets(shared), text.plot);
  return out + markdown_errors(results);
}

}  // namespace filigree::bench
