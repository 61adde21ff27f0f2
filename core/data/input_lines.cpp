#include "core/data/input_lines.h"

#include <fmt/format.h>

#include "core/text/text_file.h"

namespace filigree::data {

InputLines::InputLines(const std::string& file) : file_(file), bytes_(read_text_file(file)) {
  LineReader lines(bytes_);
  for (std::string_view line; lines.next(line);) {
    if (const std::string fault = encoding_fault(line); !fault.empty()) fail_at(file, lines.number(), fault);
    const size_t tab = line.find('\t');
    if (tab == std::string_view::npos) {
      texts_.push_back({line, {}});
      continue;
    }
    if (line.find('\t', tab + 1) != std::string_view::npos)
      fail_at(file, lines.number(), "has more than one tab; a line holds one text, or a pair separated by one tab");
    texts_.push_back({line.substr(0, tab), line.substr(tab + 1)});
  }
}

std::string InputLines::where(size_t text) const { return fmt::format("{}:{}", file_, text + 1); }

}  // namespace filigree::data
