#pragma once
// TensorBoard event files with scalars: events.out.tfevents.<seconds>.<host>.<pid>.<n>. A file is a sequence of records
//   u64 length | u32 masked CRC32C of the length | bytes | u32 masked CRC32C of the bytes        (all little-endian)
// Each record is an Event in protobuf encoding; the first has file_version "brain.Event:2". Each run of the program
// opens a new file.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/files/append_file.h"
#include "core/log/metric_sink.h"

namespace filigree::train {

uint32_t crc32c(std::string_view bytes);
uint32_t masked_crc32c(std::string_view bytes);

class EventFile : public MetricSink {
 public:
  /// Creates a new file in `dir`. DataError if that fails.
  explicit EventFile(const std::string& dir);

  /// Writes the numbers of a record that has a step, as kind/key or kind/split/key.
  void write(const nlohmann::ordered_json& record) override;

  /// Writes one event with the values of a step. wall_time: seconds since 1970.
  void scalars(const std::vector<std::pair<std::string, double>>& values, int64_t step, double wall_time);
  const std::string& path() const { return file_.path(); }

 private:
  void append(const std::string& event);

  files::AppendFile file_;
};

}  // namespace filigree::train
