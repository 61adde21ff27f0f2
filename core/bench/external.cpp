#include "core/bench/external.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/bench/table.h"
#include "core/error.h"
#include "core/files/json.h"
#include "core/files/read.h"
#include "core/shown.h"

namespace filigree::bench {
namespace {

using nlohmann::json;

/// Of a field of CSV: a number if it is one, true or false, else text; nothing for an empty field.
json value_of(const std::string& field) {
  if (field.empty()) return nullptr;
  if (field == "true" || field == "false") return field == "true";
  const char *begin = field.data(), *end = begin + field.size();
  int64_t whole = 0;
  if (const auto [stop, code] = std::from_chars(begin, end, whole); code == std::errc() && stop == end) return whole;
  double number = 0;
  if (const auto [stop, code] = std::from_chars(begin, end, number); code == std::errc() && stop == end) return number;
  return field;
}

/// Names and errors are text, also if they look like numbers.
bool is_text(const std::string& column) {
  return column == "method" || column == "metric" || column == "split" || column == "status" || column == "error";
}

std::vector<json> runs_of_csv(const std::string& path) {
  const auto rows = csv_rows(files::read_file(path), path);
  if (rows.empty()) throw DataError(fmt::format("{}: is empty", path));
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

RunResult result_of(const json& run, const std::string& where, const Method& method) {
  RunResult result = result_from_json(run, where);
  result.method = method.name;
  result.external = true;
  if (!result.failed() && (!result.value || result.metric.empty()))
    throw DataError(fmt::format("{}: {}: is missing", where, result.value ? "metric" : "value"));
  return result;
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
    const auto same = std::ranges::count(results, results.back().seed, &RunResult::seed);
    if (same > 1) throw DataError(fmt::format("{}: has seed {} again", where, results.back().seed));
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
