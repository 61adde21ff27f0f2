#include "core/bench/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "core/files/json_values.h"
#include "core/recipe/suggest.h"
#include "core/shown.h"

namespace filigree::bench {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char *kStatus = "status", *kDone = "done", *kFailed = "failed", *kShare = "trainable_share";

// The columns in the order of the files. `field` is a Writer, a Reader or a collector of names.
template <class Result, class Field>
void describe(Result& result, Field& field) {
  field("method", result.method);
  field("seed", result.seed);
  field("external", result.external);
  field.status();
  field("metric", result.metric);
  field("split", result.split);
  field("value", result.value);
  field("steps", result.steps);
  field("trainable", result.trainable);
  field("total", result.total);
  field.share();
  field("sparsity", result.sparsity);
  field("flops_share", result.flops_share);
  field("bytes_per_step", result.bytes_per_step);
  field("bytes_share", result.bytes_share);
  field("step_ms", result.step_ms);
  field("seconds", result.seconds);
  field("peak_memory_bytes", result.peak_memory_bytes);
  field("error", result.error);
}

struct Names {
  template <class Value>
  void operator()(const char* key, const Value&) {
    names.emplace_back(key);
  }
  void status() { names.emplace_back(kStatus); }
  void share() { names.emplace_back(kShare); }
  std::vector<std::string> names;
};

struct Writer {
  const RunResult& result;
  ordered_json object = ordered_json::object();

  void operator()(const char* key, const std::string& text) {
    if (!text.empty()) object[key] = text;
  }
  template <class Number>
  void operator()(const char* key, const std::optional<Number>& number) {
    if (number) object[key] = *number;
  }
  void operator()(const char* key, int64_t number) { object[key] = number; }
  void operator()(const char* key, bool is) { object[key] = is; }
  void status() { object[kStatus] = result.failed() ? kFailed : kDone; }
  void share() { (*this)(kShare, result.trainable_share()); }
};

struct Reader {
  const json& object;
  const std::string& where;

  [[noreturn]] void fail(const char* key, const json& value, const char* wanted) const {
    throw DataError(fmt::format("{}: {}: is {}, must be {}", where, key, shown(value.dump()), wanted));
  }
  const json* find(const char* key) const {
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
  }

  void operator()(const char* key, std::string& text) const {
    if (const json* value = find(key)) {
      if (!value->is_string()) fail(key, *value, "text");
      text = value->get<std::string>();
    }
  }
  void operator()(const char* key, bool& is) const {
    if (const json* value = find(key)) {
      if (!value->is_boolean()) fail(key, *value, "true or false");
      is = value->get<bool>();
    }
  }
  void operator()(const char* key, int64_t& number) const {
    std::optional<int64_t> found;
    (*this)(key, found);
    if (!found) throw DataError(fmt::format("{}: {}: is missing", where, key));
    number = *found;
  }
  void operator()(const char* key, std::optional<int64_t>& number) const {
    if (const json* value = find(key)) {
      number = value->is_number_integer() ? value->get<int64_t>() : files::as_integer(*value);
      if (!number || *number < 0 || static_cast<double>(*number) != value->get<double>())
        fail(key, *value, "a whole number of at least 0");
    }
  }
  void operator()(const char* key, std::optional<double>& number) const {
    if (const json* value = find(key)) {
      number = files::as_number(*value);
      const bool is_metric = std::string_view(key) == "value";
      if (!number || (!is_metric && *number < 0)) fail(key, *value, is_metric ? "a number" : "a number of at least 0");
    }
  }
  void status() {}
  void share() {}
};

std::optional<double> median(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// The metric of the last evaluation of the run's main split.
std::optional<double> last_value(const train::RunData& run) {
  for (auto eval = run.evals.rbegin(); eval != run.evals.rend(); ++eval)
    if (eval->split == run.split) return eval->value(run.metric);
  return std::nullopt;
}

void add_parameters(const train::RunData& run, RunResult& result) {
  for (const auto& stage : run.stages) {
    const auto& record = stage.record;
    if (record.steps) result.steps = result.steps.value_or(0) + *record.steps;
    if (!record.trainable || !record.total || *record.trainable <= result.trainable.value_or(-1)) continue;
    result.trainable = record.trainable;
    result.total = record.total;
  }
}

/// A record counts with the bytes of full fine-tuning in its stage, which are 0 on one rank.
void add_steps(const train::RunData& run, RunResult& result) {
  std::vector<double> times;
  double sent = 0, full = 0;
  int64_t counted = 0;
  for (const auto& step : run.train) {
    if (step.not_finite) continue;
    if (step.step_ms) times.push_back(*step.step_ms);
    const auto stage = std::ranges::find(run.stages, step.stage, &train::StageSummary::name);
    const int64_t of_full = stage == run.stages.end() ? 0 : stage->record.full_comm_bytes_per_step.value_or(0);
    if (!step.comm_bytes || of_full <= 0) continue;
    sent += static_cast<double>(*step.comm_bytes);
    full += static_cast<double>(of_full);
    ++counted;
  }
  result.step_ms = median(std::move(times));
  if (counted == 0) return;
  result.bytes_per_step = sent / static_cast<double>(counted);
  result.bytes_share = sent / full;
}

/// A model that is not pruned has no record of it.
void add_pruned(const train::RunData& run, RunResult& result) {
  result.sparsity = 0;
  result.flops_share = 1;
  if (!run.end) return;
  result.sparsity = run.end->merged_sparsity ? run.end->merged_sparsity : run.end->sparsity;
  result.flops_share = run.end->flops_ratio;
}

}  // namespace

std::optional<double> RunResult::trainable_share() const {
  if (!trainable || !total || *total <= 0) return std::nullopt;
  return static_cast<double>(*trainable) / static_cast<double>(*total);
}

RunResult measured(const train::RunData& run) {
  RunResult result;
  result.metric = run.metric;
  result.split = run.split;
  result.value = last_value(run);
  add_parameters(run, result);
  add_steps(run, result);
  add_pruned(run, result);
  return result;
}

const std::vector<std::string>& columns() {
  static const std::vector<std::string> names = [] {
    Names found;
    const RunResult result;
    describe(result, found);
    return found.names;
  }();
  return names;
}

ordered_json to_json(const RunResult& result) {
  Writer writer{result};
  describe(result, writer);
  return writer.object;
}

RunResult result_from_json(const json& object, const std::string& where) {
  if (!object.is_object()) throw DataError(fmt::format("{}: is {}, must be an object", where, shown(object.dump())));
  for (const auto& [key, value] : object.items())
    if (std::ranges::find(columns(), key) == columns().end())
      throw DataError(fmt::format("{}: {}: is not a column of runs.csv{}", where, shown(key),
                                  recipe::did_you_mean(recipe::nearest(key, columns()))));
  RunResult result;
  Reader reader{object, where};
  describe(result, reader);
  const auto status = object.find(kStatus);
  if (status != object.end() && *status == kFailed && result.error.empty()) result.error = "failed, without a reason";
  return result;
}

}  // namespace filigree::bench
