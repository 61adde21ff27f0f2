#include "core/data/formats/table.h"

#include <fmt/format.h>

#include "core/data/formats/read_lines.h"
#include "core/error.h"
#include "core/files/json.h"
#include "core/text/text_file.h"

namespace filigree::data {

using nlohmann::json;

void BadRows::add(int64_t line, const std::string& message) {
  const std::string& file = table_.files.front();
  if (!skip_) fail_at(file, line, message + " (set data.bad_rows: skip to skip such rows)");
  if (table_.skipped++ == 0) table_.first_bad = fmt::format("{}:{}: {}", file, line, message);
}

std::string read_rows_of(const std::string& path) {
  std::string text = read_text_file(path);
  if (text.empty()) throw DataError(fmt::format("{}: is empty", path));
  return text;
}

std::string predict_hint(const TableOptions& options, const std::string& column) {
  return column == options.label ? ". Without labels nothing can be scored; `filigree predict` labels texts" : "";
}

bool is_blank(std::string_view line, std::string_view blanks) {
  return line.find_first_not_of(blanks) == std::string_view::npos;
}

Table read_json_lines(const std::string& path, bool skip_bad_rows, const FillRow& fill) {
  return read_lines(path, skip_bad_rows, " \t\r", [&](std::string_view line, Row& row) -> std::string {
    std::string fault;
    const json object = files::parse_json_line(line, fault);
    if (!fault.empty()) return fault;
    return object.is_object() ? fill(object, row) : "is not a JSON object";
  });
}

}  // namespace filigree::data
