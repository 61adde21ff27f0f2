#pragma once
// A destination for the metrics of a run. RunLog opens the sinks (run_log.cpp) and passes each record to all of them.
// A new one is a file of its own and a line there. Only rank 0 has sinks.
#include <nlohmann/json_fwd.hpp>

namespace filigree::train {

class MetricSink {
 public:
  MetricSink() = default;
  virtual ~MetricSink() = default;
  MetricSink(const MetricSink&) = delete;
  MetricSink& operator=(const MetricSink&) = delete;

  /// Writes a record in the form of records.h: "kind" and "stage", mostly a "step", then numbers, texts, lists and
  /// objects. A number that is not finite is null. DataError if it cannot be written.
  virtual void write(const nlohmann::ordered_json& record) = 0;

  /// Returns when everything written is on disk. Called before a checkpoint refers to it.
  virtual void sync() {}
};

}  // namespace filigree::train
