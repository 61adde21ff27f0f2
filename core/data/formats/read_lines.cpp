#include "core/data/formats/read_lines.h"

#include "core/text/text_file.h"

namespace filigree::data {

Table read_lines(const std::string& path, bool skip_bad_rows, std::string_view blanks, const FillLine& fill) {
  const std::string text = read_rows_of(path);
  Table table{{path}, {}, 0, ""};
  BadRows bad(table, skip_bad_rows);
  LineReader lines(text);
  for (std::string_view line; lines.next(line);) {
    if (is_blank(line, blanks)) continue;
    Row row{lines.number(), {}};
    RowFault fault = encoding_fault(line);
    if (fault.empty()) fault = fill(line, row);
    if (fault.empty()) {
      table.rows.push_back(std::move(row));
    } else {
      bad.add(lines.number(), fault);
    }
  }
  bad.finish();
  return table;
}

}  // namespace filigree::data
