#pragma once
// Shortens user text for a message, so that a file of one long line does not fill the screen.
#include <cstddef>
#include <string>
#include <string_view>

namespace filigree {

/// At most `limit` bytes of `text`, cut between UTF-8 characters; "..." marks a cut. A NUL character, at which what() of an
/// exception would end, is written as "\0".
std::string shown(std::string_view text, size_t limit = 60);

}  // namespace filigree
