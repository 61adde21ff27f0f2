#include "core/log/records.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

#include "core/error.h"
#include "core/files/json_values.h"
#include "core/files/python_json.h"
#include "core/files/read.h"

namespace filigree::train {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

// The schema: keys in the order of the file. `field` is a Writer or a Reader.

template <class Field>
void describe(StageRecord& record, Field& field) {
  field("stage", record.stage);
  field("steps", record.steps);
  field("trainable", record.trainable);
  field("total", record.total);
  field("weight_bytes", record.weight_bytes);
  field("comm_bytes_per_step", record.comm_bytes_per_step);
  field("full_comm_bytes_per_step", record.full_comm_bytes_per_step);
}

template <class Field>
void describe(TrainRecord& record, Field& field) {
  field("stage", record.stage);
  field("step", record.step);
  field("stage_step", record.stage_step);
  field("epoch", record.epoch);
  field("loss", record.loss);
  field("lr", record.lr);
  field("grad_norm", record.grad_norm);
  field("tokens_per_s", record.tokens_per_s);
  field("comm_bytes", record.comm_bytes);
  field("comm", record.comm);
  field("step_ms", record.step_ms);
  field("not_finite", record.not_finite);
}

template <class Field>
void describe(EvalRecord& record, Field& field) {
  field("stage", record.stage);
  field("step", record.step);
  field("split", record.split);
  field("metric", record.metric);
  field("samples", record.samples);
  field.other_numbers(record.values);
  field.sort_after("split");
}

template <class Field>
void describe(PruneRecord& record, Field& field) {
  field("stage", record.stage);
  field("step", record.step);
  field("round", record.round);
  field("heads_left", record.heads_left);
  field("ffn_left", record.ffn_left);
  field("sparsity", record.sparsity);
  field("merged_sparsity", record.merged_sparsity);
  field("flops_ratio", record.flops_ratio);
}

template <class Field>
void describe(ModelRecord& record, Field& field) {
  field("stage", record.stage);
  field("step", record.step);
  field("at", record.at);
  field("heads_left", record.heads_left);
  field("heads_total", record.heads_total);
  field("ffn_left", record.ffn_left);
  field("ffn_total", record.ffn_total);
  field("sparsity", record.sparsity);
  field("merged_sparsity", record.merged_sparsity);
  field("flops_ratio", record.flops_ratio);
}

class Writer {
 public:
  explicit Writer(const char* kind) { line_["kind"] = kind; }

  template <class Value>
  void operator()(const char* key, const Value& value) {
    line_[key] = value;
  }
  template <class Number>
  void operator()(const char* key, const std::optional<Number>& number) {
    if (number) put(key, *number);
  }
  void operator()(const char* key, const std::optional<std::string>& text) {
    if (text) line_[key] = *text;
  }
  void other_numbers(const std::map<std::string, double>& values) {
    for (const auto& [key, value] : values) put(key, value);
  }

  /// Orders the keys after `last` by name.
  void sort_after(const std::string& last) {
    OrderedJson ordered;
    std::map<std::string, OrderedJson> others;
    for (const auto& [key, value] : line_.items())
      if (ordered.contains(last))
        others[key] = value;
      else
        ordered[key] = value;
    for (const auto& [key, value] : others) ordered[key] = value;
    line_ = std::move(ordered);
  }

  OrderedJson line() const { return line_; }

 private:
  template <class Number>
  void put(const std::string& key, Number number) {
    if (std::isfinite(static_cast<double>(number)))
      line_[key] = number;
    else
      line_[key] = nullptr;
  }

  OrderedJson line_;
};

class Reader {
 public:
  explicit Reader(const Json& line) : line_(line) {}

  void operator()(const char* key, std::string& value) { value = files::text_at(line_, read(key)); }
  void operator()(const char* key, std::optional<std::string>& value) {
    if (std::string text = files::text_at(line_, read(key)); !text.empty()) value = std::move(text);
  }
  void operator()(const char* key, std::optional<double>& value) { value = files::number_at(line_, read(key)); }
  void operator()(const char* key, std::optional<int64_t>& value) { value = files::integer_at(line_, read(key)); }
  void operator()(const char* key, std::vector<int64_t>& values) { values = files::integers_at(line_, read(key)); }
  void operator()(const char* key, int64_t& value) {
    const auto found = files::integer_at(line_, read(key));
    complete_ = complete_ && found;
    value = found.value_or(0);
  }
  void operator()(const char* key, CommByAxis& bytes) {
    const auto found = line_.find(read(key));
    if (found == line_.end() || !found->is_object()) return;
    for (const auto& [axis, purposes] : found->items()) {
      if (!purposes.is_object()) continue;
      for (const auto& [purpose, value] : purposes.items())
        if (const auto count = files::as_integer(value); count && *count >= 0)
          bytes[axis][purpose] = static_cast<uint64_t>(*count);
    }
  }
  void other_numbers(std::map<std::string, double>& values) {
    for (const auto& [key, value] : line_.items())
      if (const auto found = files::as_number(value); found && !read_.contains(key)) values[key] = *found;
  }
  void sort_after(const char*) const {}

  bool complete() const { return complete_; }

 private:
  const std::string& read(const char* key) { return *read_.insert(key).first; }

  const Json& line_;
  std::set<std::string> read_;  ///< keys of the fields
  bool complete_ = true;
};

/// Reads a line as the first kind of record that has its "kind".
template <size_t kIndex = 0>
std::optional<MetricRecord> read_as(const std::string& kind, const Json& line) {
  if constexpr (kIndex < std::variant_size_v<MetricRecord>) {
    std::variant_alternative_t<kIndex, MetricRecord> record;
    if (kind != record.kKind) return read_as<kIndex + 1>(kind, line);
    Reader reader(line);
    describe(record, reader);
    if (reader.complete() && !record.stage.empty()) return record;
  }
  return std::nullopt;
}

/// A line of other writers may contain NaN or Infinity, which are read as values that are not numbers.
Json parse_line(const std::string& line) {
  Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_discarded()) return json;
  try {
    return files::parse_python_json(line, "");
  } catch (const DataError&) {
    return json;
  }
}

}  // namespace

std::optional<double> EvalRecord::value(const std::string& name) const {
  const auto found = values.find(name);
  return found == values.end() ? std::nullopt : std::optional(found->second);
}

nlohmann::ordered_json to_json(const MetricRecord& record) {
  return std::visit(
      [](auto copy) {
        Writer writer(copy.kKind);
        describe(copy, writer);
        return writer.line();
      },
      record);
}

std::optional<MetricRecord> record_from_json(const nlohmann::json& line) {
  if (!line.is_object() || !line.contains("kind") || !line["kind"].is_string()) return std::nullopt;
  return read_as(line["kind"].get<std::string>(), line);
}

MetricRecords read_records(const std::string& path) {
  MetricRecords found;
  std::istringstream in(files::read_file(path));
  for (std::string line; std::getline(in, line); ++found.lines)
    if (auto record = record_from_json(parse_line(line))) found.records.push_back(std::move(*record));
  return found;
}

}  // namespace filigree::train
