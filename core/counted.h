#pragma once
// A number with its noun for a message: "1 rank", "2 ranks", "1 batch", "2 batches", "1 matrix", "2 matrices".
#include <fmt/format.h>

#include <concepts>
#include <string>
#include <string_view>

namespace filigree {

/// The noun after a number other than 1: `plural`, or noun + s, or noun + es after s, x, ch and sh.
std::string plural_of(std::string_view noun, std::string_view plural = {});

/// `noun` is in the singular; `plural` is needed only if plural_of() cannot form it.
template <std::integral Number>
std::string counted(Number number, std::string_view noun, std::string_view plural = {}) {
  return number == 1 ? fmt::format("1 {}", noun) : fmt::format("{} {}", number, plural_of(noun, plural));
}

}  // namespace filigree
