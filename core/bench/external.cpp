#include "core/bench/external.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/bench/table.h"
#include "core/error.h"
#include "core/files/json.h"
#include "core/files/read.h"
#include "core/shown.h"
#include "core/text/unicode.h"

namespace filigree::bench {
namespace {

using nlohmann::json;

constexpr double kLargest = 1e15;  // of a number in size, so that means, deviations and the plot stay finite

/// Of a field of CSV: a finite number if it is one, true or false, else text; nothing for an empty field.
json value_of(const std::string& field) {
  if (field.empty()) return nullptr;
  if (field == "true" || field == "false") return field == "true";
  const char *begin = field.data(), *end = begin + field.size();
  int64_t whole = 0;
  if (const auto [stop, code] = std::from_chars(begin, end, whole); code == std::errc() && stop == end) return whole;
  double number = 0;
  if (const auto [stop, code] = std::from_chars(begin, end, number);
      code == std::errc() && stop == end && std::isfinite(number))
    return number;
  return field;
}

/// Names and errors are text, also if they look like numbers.
bool is_text(const std::string& column) {
  return column == "method" || column == "metric" || column == "split" || column == "status" || column == "error";
}

std::string read_utf8(const std::string& path) {
  const std::string text = files::read_file(path);
  if (data::unicode::find_invalid_utf8(text) != data::unicode::kValid)
    throw DataError(fmt::format("{}: is not UTF-8 text; save it as UTF-8", path));
  return text;
}

void check_header(const std::vector<std::string>& header, const std::string& path) {
  for (const std::string& column : header)
    if (std::ranges::count(header, column) > 1)
      throw DataError(fmt::format("{}: the header has the column '{}' twice", path, shown(column)));
}

std::vector<json> runs_of_csv(const std::string& path) {
  const auto rows = csv_rows(read_utf8(path), path);
  if (rows.empty()) throw DataError(fmt::format("{}: is empty", path));
  check_header(rows[0], path);
  std::vector<json> runs;
  for (size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].size() != rows[0].size())
      throw DataError(
          fmt::format("{}: row {} has {} fields, but the header has {}", path, i, rows[i].size(), rows[0].size()));
    json run = json::object();
    for (size_t k = 0; k < rows[0].size(); ++k) {
      const std::string& field = rows[i][k];
      run[rows[0][k]] = is_text(rows[0][k]) && !field.empty() ? json(field) : value_of(field);
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

std::vector<json> runs_of_json(const std::string& path) {
  const json document = files::read_json(path, files::DuplicateKeys::refuse);
  if (!document.is_object() || !document.contains("runs") || !document["runs"].is_array())
    throw DataError(
        fmt::format("{}: has no list `runs`: {{\"runs\": [{{\"seed\": 1, \"metric\": \"accuracy\", "
                    "\"value\": 0.9}}]}}",
                    path));
  return {document["runs"].begin(), document["runs"].end()};
}

/// A seed may be any whole number.
void refuse_huge(const json& run, const std::string& where) {
  for (const auto& [key, value] : run.items())
    if (value.is_number() && !(key == "seed" && value.is_number_integer()) && std::abs(value.get<double>()) > kLargest)
      throw DataError(
          fmt::format("{}: {}: is {:g}, which is too large; use at most 1e15", where, shown(key), value.get<double>()));
}

RunResult result_of(const json& run, const std::string& where, const Method& method) {
  if (run.is_object()) refuse_huge(run, where);
  RunResult result = result_from_json(run, where);
  result.method = method.name;
  result.external = true;
  if (!result.failed() && (!result.value || result.metric.empty()))
    throw DataError(fmt::format("{}: {}: is missing", where, result.value ? "metric" : "value"));
  return result;
}

/// The last result against the others: a seed has one run, and a mean is over values of one kind.
void check_last(const std::vector<RunResult>& results, const std::string& where) {
  const RunResult& last = results.back();
  if (std::ranges::count(results, last.seed, &RunResult::seed) > 1)
    throw DataError(fmt::format("{}: has seed {} again", where, last.seed));
  const auto first = std::ranges::find_if_not(results, &RunResult::failed);
  if (last.failed() || (first->metric == last.metric && first->split == last.split)) return;
  throw DataError(fmt::format("{}: has {}, but the run of seed {} has {}; a method needs one metric, on one split",
                              where, shown(metric_of(last)), first->seed, shown(metric_of(*first))));
}

bool is_of(const json& run, const Method& method) {
  const auto named = run.is_object() ? run.find("method") : run.end();
  return !run.is_object() || named == run.end() || named->is_null() || *named == method.name;
}

std::vector<RunResult> read_results(const Method& method) {
  const bool csv = method.external.ends_with(".csv");
  if (!csv && !method.external.ends_with(".json"))
    throw DataError(fmt::format("{}: is named neither .json nor .csv", method.external));
  const auto runs = csv ? runs_of_csv(method.external) : runs_of_json(method.external);
  std::vector<RunResult> results;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (!is_of(runs[i], method)) continue;
    const std::string where =
        csv ? fmt::format("{}: row {}", method.external, i + 1) : fmt::format("{}: runs[{}]", method.external, i);
    results.push_back(result_of(runs[i], where, method));
    check_last(results, where);
  }
  return results;
}

RunResult failed(const Method& method, int64_t seed, const std::string& error) {
  RunResult result;
  result.method = method.name;
  result.seed = seed;
  result.external = true;
  result.error = error;
  return result;
}

}  // namespace

std::vector<RunResult> external_results(const Method& method, const std::vector<int64_t>& seeds) {
  std::vector<RunResult> found, chosen;
  std::string fault;
  try {
    found = read_results(method);
  } catch (const DataError& error) {
    fault = error.what();
  }
  for (const int64_t seed : seeds) {
    const auto result = std::ranges::find(found, seed, &RunResult::seed);
    const std::string missing = fmt::format("{}: has no run of seed {}", method.external, seed);
    chosen.push_back(result != found.end() ? *result : failed(method, seed, fault.empty() ? missing : fault));
  }
  return chosen;
}

}  // namespace filigree::bench
