#pragma once
// The bytes and words of byte-level BPE, as in GPT-2 (openai/gpt-2, src/encoder.py).
//
// Tokens use an alphabet of 256 printable characters, one per byte. '!'..'~', U+00A1..U+00AC and
// U+00AE..U+00FF represent themselves; the other 68 bytes are, in order, U+0100.. ("Ġ" is a space, "Ċ" a line
// feed).
//
// A text is cut into words from the left; each is the first alternative that matches (\s is White_Space):
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

/// The bytes of a token; nullopt if one of its characters is not in the alphabet.
std::optional<std::string> bytes_of(std::string_view token);

/// End of the word that starts at `start` (less than the size) in a valid UTF-8 text.
size_t word_end(std::string_view text, size_t start);

}  // namespace filigree::data::byte_level
