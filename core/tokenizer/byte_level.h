#pragma once
// The bytes and words of byte-level BPE, as GPT-2 has them (openai/gpt-2, src/encoder.py).
//
// A token is written in an alphabet of 256 printable characters, one for each byte: '!'..'~', U+00A1..U+00AC and
// U+00AE..U+00FF stand for themselves, the other 68 bytes in order for U+0100.. ("Ġ" is a space, "Ċ" a line feed).
//
// A text is cut into words, from the left, each the first alternative that fits (\s is White_Space):
//
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace filigree::data::byte_level {

/// The character of each byte, as UTF-8.
const std::array<std::string, 256>& alphabet();

/// The bytes that a token stands for; nothing when a character of it is not in the alphabet.
std::optional<std::string> bytes_of(std::string_view token);

/// End of the word that starts at `start` (less than the size) of a valid UTF-8 text.
size_t word_end(std::string_view text, size_t start);

}  // namespace filigree::data::byte_level
