#pragma once
// Text of a user's in a message: shortened, so that a file of one long line does not fill the screen.
#include <cstddef>
#include <string>
#include <string_view>

namespace filigree {

/// At most `limit` bytes of `text`, cut between UTF-8 characters; "..." says that there is more.
std::string shown(std::string_view text, size_t limit = 60);

}  // namespace filigree
