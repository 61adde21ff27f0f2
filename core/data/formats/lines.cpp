#include "core/data/formats/lines.h"

#include <fmt/format.h>

#include <functional>

#include "core/error.h"
#include "core/text/text_file.h"

namespace filigree::data {
namespace {

using FillLine = std::function<std::string(std::string_view line, Row& row)>;

Table read_lines(const std::string& path, const TableOptions& options, const FillLine& fill) {
  const std::string text = read_rows_of(path);
  Table table{{path}, {}, 0, ""};
  BadRows bad(table, options.skip_bad_rows);
  LineReader lines(text);
  for (std::string_view line; lines.next(line);) {
    if (line.empty()) continue;
    Row row{lines.number(), {}};
    std::string fault = encoding_fault(line);
    if (fault.empty()) fault = fill(line, row);
    if (fault.empty()) {
      table.rows.push_back(std::move(row));
    } else {
      bad.add(lines.number(), fault);
    }
  }
  return table;
}

recipe::FormatTraits text_lines() {
  recipe::FormatTraits traits{"text", "a line of text"};
  traits.tasks = {"masked_lm", "causal_lm"};
  traits.content = "texts without labels";
  traits.packs = true;
  return traits;
}

}  // namespace

recipe::FormatTraits contexts_and_references(const std::string& name, const std::string& help) {
  recipe::FormatTraits traits{name, help};
  traits.tasks = {"causal_lm"};
  traits.content = "contexts and references";
  return traits;
}

TextLines::TextLines() : Format(text_lines()) {}

Table TextLines::read(const std::string& path, const TableOptions& options) const {
  return read_lines(path, options, [](std::string_view line, Row& row) -> std::string {
    row.fields.emplace_back(line);
    return "";
  });
}

E2e::E2e() : Format(contexts_and_references("e2e", "a line `meaning||reference`")) {}

Table E2e::read(const std::string& path, const TableOptions& options) const {
  return read_lines(path, options, [](std::string_view line, Row& row) -> std::string {
    const size_t bars = line.find("||");
    if (bars == std::string_view::npos)
      return fmt::format("has no '||' between meaning and reference: {}", shown(line));
    row.fields = {std::string(trimmed(line.substr(0, bars))), std::string(trimmed(line.substr(bars + 2)))};
    return "";
  });
}

}  // namespace filigree::data
