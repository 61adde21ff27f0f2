#include "core/shown.h"

#include <cstdint>

namespace filigree {

std::string shown(std::string_view text, size_t limit) {
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    std::string escaped(text.substr(0, limit + 1));
    for (size_t at = nul; (at = escaped.find('\0', at)) != std::string::npos; at += 2) escaped.replace(at, 1, "\\0");
    return shown(escaped, limit);
  }
  if (text.size() <= limit) return std::string(text);
  size_t end = limit;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

}  // namespace filigree
