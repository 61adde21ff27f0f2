#pragma once
// The element types of safetensors files that filigree reads and writes, and their names in a header.
#include <c10/core/ScalarType.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace filigree::checkpoint {

inline constexpr std::array<std::pair<std::string_view, at::ScalarType>, 10> kSafetensorsTypes{{
    {"F64", at::kDouble},
    {"F32", at::kFloat},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"I64", at::kLong},
    {"I32", at::kInt},
    {"I16", at::kShort},
    {"I8", at::kChar},
    {"U8", at::kByte},
    {"BOOL", at::kBool},
}};

inline std::optional<at::ScalarType> dtype_from(std::string_view name) {
  for (const auto& [known, type] : kSafetensorsTypes) {
    if (known == name) return type;
  }
  return std::nullopt;
}

inline std::optional<std::string> dtype_name(at::ScalarType dtype) {
  for (const auto& [name, type] : kSafetensorsTypes) {
    if (type == dtype) return std::string(name);
  }
  return std::nullopt;
}

inline std::string known_dtypes() {
  std::string list;
  for (const auto& [name, type] : kSafetensorsTypes) list.append(name).push_back(' ');
  list.pop_back();
  return list;
}

}  // namespace filigree::checkpoint
