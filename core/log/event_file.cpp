#include "core/log/event_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/files/run_paths.h"

namespace filigree::train {
namespace {

static_assert(std::endian::native == std::endian::little, "records are little-endian and are copied as they are");

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78u : 0u);  // Castagnoli, reflected
    table[i] = value;
  }
  return table;
}
constexpr auto kCrcTable = make_crc_table();

template <class Number>
void append_raw(std::string& out, Number number) {
  std::array<char, sizeof(Number)> bytes{};
  std::memcpy(bytes.data(), &number, sizeof(Number));
  out.append(bytes.data(), bytes.size());
}

// Protobuf wire format: a key is (field << 3 | type), type 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes.
enum class Wire : uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void append_key(std::string& out, uint32_t field, Wire wire) {
  append_varint(out, field << 3 | static_cast<uint32_t>(wire));
}

void append_bytes(std::string& out, uint32_t field, const std::string& bytes) {
  append_key(out, field, Wire::bytes);
  append_varint(out, bytes.size());
  out += bytes;
}

void append_double(std::string& out, uint32_t field, double value) {
  append_key(out, field, Wire::fixed64);
  append_raw(out, value);
}

std::string scalar_value(const std::string& tag, double value) {
  std::string out;  // Summary.Value: tag = 1, simple_value = 2
  append_bytes(out, 1, tag);
  append_key(out, 2, Wire::fixed32);
  append_raw(out, static_cast<float>(value));
  return out;
}

std::string file_name() {
  static std::atomic<int> number{0};  // one process may open several files in one second
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return fmt::format("{}{:010}.{}.{}.{}", files::run_names::kEventsPrefix,
                     std::chrono::duration_cast<std::chrono::seconds>(now).count(), host.data(), ::getpid(), number++);
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string tag_prefix(const nlohmann::ordered_json& record) {
  const std::string kind = record.at("kind");
  return record.contains("split") ? kind + "/" + record["split"].get<std::string>() : kind;
}

std::vector<std::pair<std::string, double>> scalars_of(const nlohmann::ordered_json& record) {
  std::vector<std::pair<std::string, double>> values;
  const std::string prefix = tag_prefix(record) + "/";
  for (const auto& [key, value] : record.items())
    if (value.is_number() && key != "step" && key != "stage_step")
      values.emplace_back(prefix + key, value.get<double>());
  return values;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = 0xffffffffu;
  for (char byte : bytes) crc = kCrcTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

uint32_t masked_crc32c(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8u; }

EventFile::EventFile(const std::string& dir) : file_(dir + "/" + file_name(), files::AppendFile::Mode::create) {
  std::string event;  // Event: wall_time = 1, file_version = 3
  append_double(event, 1, wall_seconds());
  append_bytes(event, 3, "brain.Event:2");
  append(event);
}

void EventFile::write(const nlohmann::ordered_json& record) {
  if (record.contains("step")) scalars(scalars_of(record), record["step"].get<int64_t>(), wall_seconds());
}

void EventFile::scalars(const std::vector<std::pair<std::string, double>>& values, int64_t step, double wall_time) {
  if (values.empty()) return;
  std::string summary, event;  // Event: step = 2, summary = 5; Summary: value = 1
  for (const auto& [tag, value] : values) append_bytes(summary, 1, scalar_value(tag, value));
  append_double(event, 1, wall_time);
  append_key(event, 2, Wire::varint);
  append_varint(event, static_cast<uint64_t>(step));
  append_bytes(event, 5, summary);
  append(event);
}

void EventFile::append(const std::string& event) {
  std::string out;
  append_raw(out, static_cast<uint64_t>(event.size()));
  append_raw(out, masked_crc32c(out));
  out += event;
  append_raw(out, masked_crc32c(event));
  file_.append(out);
}

}  // namespace filigree::train
