#pragma once
// metrics.jsonl: one JSON object per line. A resumed run atomically truncates it to the state at its checkpoint, so that
// the file ends up like that of an uninterrupted run; an incomplete last line of a killed run is dropped.
#include <cstdint>
#include <string>

#include "core/files/append_file.h"
#include "core/log/metric_sink.h"

namespace filigree::train {

/// The lines of metrics.jsonl, for comparison with those at a checkpoint.
struct KeptLines {
  int64_t lines = 0;
  std::string digest;  ///< hash of these lines
};

class MetricsFile : public MetricSink {
 public:
  /// Keeps the first `lines` lines of a file that exists. DataError if it cannot be written.
  MetricsFile(const std::string& path, int64_t lines);

  void write(const nlohmann::ordered_json& record) override;
  void sync() override;  ///< DataError if the file is gone

  const std::string& path() const { return file_.path(); }
  const KeptLines& kept() const { return kept_; }  ///< with the lines written since

 private:
  KeptLines kept_;
  files::AppendFile file_;
};

/// Truncates metrics.jsonl to its first `lines` lines and drops an incomplete last line. No-op without the file.
KeptLines cut_metrics(const std::string& path, int64_t lines);

}  // namespace filigree::train
