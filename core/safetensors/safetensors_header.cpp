// The part of the reader that parses untrusted text.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include "core/counted.h"
#include "core/error.h"
#include "core/safetensors/safetensors.h"
#include "core/safetensors/safetensors_dtype.h"

namespace filigree::checkpoint {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 8;  // a header needs 3

template <class... Args>
[[noreturn]] void refuse(const std::string& file, fmt::format_string<Args...> format, Args&&... args) {
  throw DataError(
      fmt::format("{}: not a valid safetensors file: {}", file, fmt::format(format, std::forward<Args>(args)...)));
}

/// Parses JSON; refuses duplicate keys (the parser would keep the last one) and deep nesting.
json parse_strict(const std::string& text, const std::string& file) {
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxDepth) refuse(file, "the header is nested more than {} levels deep", kMaxDepth);
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second) {
      refuse(file, "the header has the key '{}' twice", parsed.get<std::string>());
    }
    return true;
  };
  json parsed = json::parse(text, watch, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) refuse(file, "the header is not JSON");
  return parsed;
}

std::map<std::string, std::string> metadata_from(const json& value, const std::string& file) {
  if (value.is_null()) return {};
  if (!value.is_object()) refuse(file, "__metadata__ is not an object");
  std::map<std::string, std::string> metadata;
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) refuse(file, "__metadata__ entry '{}' is not a string", key);
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

const json& field(const json& entry, const char* key, const std::string& name, const std::string& file) {
  const auto it = entry.find(key);
  if (it == entry.end()) refuse(file, "tensor '{}' has no '{}'", name, key);
  return *it;
}

std::vector<int64_t> shape_from(const json& value, const std::string& name, const std::string& file) {
  if (!value.is_array()) refuse(file, "the shape of tensor '{}' is not a list", name);
  std::vector<int64_t> shape;
  int64_t product = 1;  // a size of 0 counts as 1: the strides of the other dimensions must fit as well
  for (const json& size : value) {
    if (!size.is_number_unsigned() ||
        size.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      refuse(file, "the shape of tensor '{}' contains {}, which is not a size", name, size.dump());
    }
    shape.push_back(size.get<int64_t>());
    if (__builtin_mul_overflow(product, std::max<int64_t>(shape.back(), 1), &product)) {
      refuse(file, "the shape of tensor '{}' has more elements than can be counted", name);
    }
  }
  return shape;
}

uint64_t byte_count(const TensorInfo& info, uint64_t element_bits, const std::string& file) {
  uint64_t bits = element_bits;
  for (int64_t size : info.shape) {
    if (__builtin_mul_overflow(bits, static_cast<uint64_t>(size), &bits)) {
      refuse(file, "the shape of tensor '{}' has more bytes than can be counted", info.name);
    }
  }
  if (bits % 8 != 0) refuse(file, "the {} elements of tensor '{}' do not fill whole bytes", info.dtype_name, info.name);
  return bits / 8;
}

/// Sets the type; returns the bits per element.
uint64_t take_dtype(const json& dtype, const std::string& file, TensorInfo& info) {
  if (!dtype.is_string()) refuse(file, "the dtype of tensor '{}' is not a string", info.name);
  info.dtype_name = dtype.get<std::string>();
  if (const std::optional<at::ScalarType> known = dtype_from(info.dtype_name)) {
    info.dtype = *known;
    return 8 * c10::elementSize(info.dtype);
  }
  const std::optional<uint64_t> bits = foreign_bits(info.dtype_name);
  if (!bits)
    refuse(file, "tensor '{}' has the unknown dtype '{}'; use one of {}", info.name, info.dtype_name, known_dtypes());
  info.dtype = at::ScalarType::Undefined;
  return *bits;
}

TensorInfo tensor_from(const std::string& name, const json& entry, const std::string& file) {
  if (!entry.is_object()) refuse(file, "the entry of tensor '{}' is not an object", name);
  TensorInfo info;
  info.name = name;
  const uint64_t bits = take_dtype(field(entry, "dtype", name, file), file, info);
  info.shape = shape_from(field(entry, "shape", name, file), name, file);
  const json& offsets = field(entry, "data_offsets", name, file);
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned()) {
    refuse(file, "the data_offsets of tensor '{}' are not two byte counts", name);
  }
  info.begin = offsets[0].get<uint64_t>();
  info.end = offsets[1].get<uint64_t>();
  if (info.end < info.begin)
    refuse(file, "tensor '{}' ends at byte {}, before its start {}", name, info.end, info.begin);
  const uint64_t bytes = byte_count(info, bits, file);
  if (info.end - info.begin != bytes) {
    refuse(file, "tensor '{}' has {} of data, but its shape and dtype require {}", name,
           counted(info.end - info.begin, "byte"), bytes);
  }
  return info;
}

/// The tensors must cover the data part: each begins where the one before it ends.
void check_cover(const std::vector<TensorInfo>& tensors, uint64_t data_bytes, const std::string& file) {
  uint64_t at = 0;
  for (const TensorInfo& info : tensors) {
    if (info.begin < at)
      refuse(file, "tensor '{}' overlaps the one before it (byte {} < {})", info.name, info.begin, at);
    if (info.begin > at)
      refuse(file, "there is a gap of {} before tensor '{}'", counted(info.begin - at, "byte"), info.name);
    if (info.end > data_bytes) {
      refuse(file, "tensor '{}' ends at byte {} of the data, but the file has {}: it is truncated", info.name, info.end,
             data_bytes);
    }
    at = info.end;
  }
  if (at != data_bytes)
    refuse(file, "{} after the last tensor {} to no tensor", counted(data_bytes - at, "byte"),
           data_bytes - at == 1 ? "belongs" : "belong");
}

}  // namespace

SafetensorsHeader parse_safetensors_header(const std::string& text, uint64_t data_bytes, const std::string& file) {
  if (text.empty() || text.front() != '{') refuse(file, "the header does not begin with '{{'");
  const json parsed = parse_strict(text, file);
  SafetensorsHeader header;
  for (const auto& [name, entry] : parsed.items()) {
    if (name == "__metadata__") {
      header.metadata = metadata_from(entry, file);
    } else {
      header.tensors.push_back(tensor_from(name, entry, file));
    }
  }
  std::sort(header.tensors.begin(), header.tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  check_cover(header.tensors, data_bytes, file);
  return header;
}

}  // namespace filigree::checkpoint
