#include "core/data/formats/lines.h"

#include <fmt/format.h>

#include "core/data/formats/read_lines.h"
#include "core/text/text_file.h"

namespace filigree::data {
namespace {

recipe::FormatTraits text_lines() {
  recipe::FormatTraits traits{"text", "a line of text"};
  traits.tasks = {Task::masked_lm, Task::causal_lm};
  traits.content = "texts without labels";
  traits.packs = true;
  return traits;
}

}  // namespace

recipe::FormatTraits contexts_and_references(const std::string& name, const std::string& help) {
  recipe::FormatTraits traits{name, help};
  traits.tasks = {Task::causal_lm};
  traits.content = "contexts and references";
  traits.contexts = true;
  return traits;
}

TextLines::TextLines() : Format(text_lines()) {}

Table TextLines::read(const std::string& path, const TableOptions& options) const {
  return read_lines(path, options.skip_bad_rows, "", [](std::string_view line, Row& row) -> std::string {
    row.fields.emplace_back(line);
    return "";
  });
}

E2e::E2e() : Format(contexts_and_references("e2e", "a line `meaning||reference`")) {}

Table E2e::read(const std::string& path, const TableOptions& options) const {
  return read_lines(path, options.skip_bad_rows, "", [](std::string_view line, Row& row) -> std::string {
    const size_t bars = line.find("||");
    if (bars == std::string_view::npos)
      return fmt::format("has no '||' between meaning and reference: {}", shown(line));
    row.fields = {std::string(trimmed(line.substr(0, bars))), std::string(trimmed(line.substr(bars + 2)))};
    return "";
  });
}

}  // namespace filigree::data
