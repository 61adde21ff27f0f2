#include "core/data/formats/table.h"

#include <fmt/format.h>

#include "core/data/formats/read_lines.h"
#include "core/error.h"
#include "core/files/json.h"
#include "core/text/text_file.h"

namespace filigree::data {

using nlohmann::json;

void BadRows::add(int64_t line, const RowFault& fault) {
  const std::string& file = table_.files.front();
  if (bad_++ == 0) {
    first_ = fault;
    first_line_ = line;
    table_.first_bad = fmt::format("{}:{}: {}", file, line, fault.text);
  }
  if (skip_)
    ++table_.skipped;
  else if (!table_.rows.empty())
    fail_first();
}

void BadRows::finish() {
  if (bad_ == 0) return;
  if (!table_.rows.empty()) {
    if (!skip_) fail_first();
  } else if (!first_.column.empty()) {
    throw ColumnError(first_.column, table_.first_bad);
  } else if (!skip_) {
    throw DataError(fmt::format("{}{}", table_.first_bad,
                                bad_ == 1 ? "" : fmt::format("; all {} rows are bad, so check data.format", bad_)));
  }
}

void BadRows::fail_first() const {
  fail_at(table_.files.front(), first_line_, first_.text + " (set data.bad_rows: skip to skip such rows)");
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
  return read_lines(path, skip_bad_rows, " \t\r", [&](std::string_view line, Row& row) -> RowFault {
    std::string fault;
    const json object = files::parse_json_line(line, fault);
    if (!fault.empty()) return fault;
    return object.is_object() ? fill(object, row) : RowFault("is not a JSON object");
  });
}

}  // namespace filigree::data
