#pragma once
// The element types of safetensors files that filigree reads and writes, and their names in a header.
#include <c10/core/ScalarType.h>

#include <array>
#include <cstdint>
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

/// Element types that safetensors defines but filigree does not compute with, with their sizes in bits. A
/// file may contain such tensors as long as none is read.
inline constexpr std::array<std::pair<std::string_view, uint64_t>, 12> kForeignTypes{{
    {"F4", 4},
    {"F6_E2M3", 6},
    {"F6_E3M2", 6},
    {"F8_E4M3", 8},
    {"F8_E5M2", 8},
    {"F8_E8M0", 8},
    {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8},
    {"U16", 16},
    {"U32", 32},
    {"U64", 64},
    {"C64", 64},
}};

inline std::optional<uint64_t> foreign_bits(std::string_view name) {
  for (const auto& [known, bits] : kForeignTypes) {
    if (known == name) return bits;
  }
  return std::nullopt;
}

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
