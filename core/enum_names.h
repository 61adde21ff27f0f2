#pragma once
// Enums whose values have names in recipes, files and messages. Such an enum lists its names once, in its namespace:
//
//   enum class BadRows { error, skip };
//   constexpr std::array<EnumName<BadRows>, 2> enum_names(BadRows) {
//     return {{{BadRows::error, "error"}, {BadRows::skip, "skip"}}};
//   }
//
// enum_name() and enum_from() read that table; recipe::Schema::field() takes the choices of a key from it.
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace filigree {

template <class E>
struct EnumName {
  E value;
  std::string_view name;
};

template <class E>
concept NamedEnum = std::is_enum_v<E> && requires {
  enum_names(E{});
};

/// The name of a value; "" for a value that the table lacks.
template <NamedEnum E>
constexpr std::string_view enum_name(E value) {
  for (const EnumName<E>& entry : enum_names(E{}))
    if (entry.value == value) return entry.name;
  return {};
}

/// The value with this name; none if no value has it.
template <NamedEnum E>
constexpr std::optional<E> enum_from(std::string_view name) {
  for (const EnumName<E>& entry : enum_names(E{}))
    if (entry.name == name) return entry.value;
  return std::nullopt;
}

/// All names, in the order of the table.
template <NamedEnum E>
std::vector<std::string> all_enum_names() {
  std::vector<std::string> names;
  for (const EnumName<E>& entry : enum_names(E{})) names.emplace_back(entry.name);
  return names;
}

/// The names of `values`, in their order.
template <NamedEnum E>
std::vector<std::string> enum_names_of(const std::vector<E>& values) {
  std::vector<std::string> names;
  for (const E value : values) names.emplace_back(enum_name(value));
  return names;
}

}  // namespace filigree
