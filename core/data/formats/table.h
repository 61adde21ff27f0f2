#pragma once
// Rows and columns from TSV, CSV, JSONL, E2E and plain text files (UTF-8, byte order mark and CRLF allowed).
//   tsv    a line is a row; quotes are plain text; there is no escape
//   csv    RFC 4180: "..." quotes a field, "" is a quote in it, it may hold commas and line ends
//   jsonl  a line is an object; columns are its keys
//   text   a line is a row of one column
//   e2e    a line is "meaning||reference", a row of two columns
//   webnlg, dart    see triples.h
// Empty lines are no rows, nor are lines of spaces in tsv, csv and jsonl. Lines are counted as an editor counts them; a
// row's line is the one it starts on.
//
// A row that cannot be used (too few columns, more than a header that names a wanted one, broken quoting or JSON, not
// UTF-8, NUL bytes) is a DataError with file:line, or, with skip_bad_rows, is counted and left out. A quote that is
// never closed is always an error.
#include <cstdint>
#include <string>
#include <vector>

namespace filigree::data {

enum class TableFormat { tsv, csv, jsonl, text, e2e, webnlg, dart };
TableFormat table_format(const std::string& name);  ///< throws UsageError

struct TableOptions {
  TableFormat format = TableFormat::tsv;
  bool header = true;                ///< tsv, csv: the first line names the columns
  std::vector<std::string> columns;  ///< wanted: by name, or by 0-based number (negative: from the row's end)
  bool skip_bad_rows = false;
  std::string label = {};  ///< of `columns`, the one that test files lack; a message then names filigree predict
};

struct Row {
  int64_t line = 0;
  std::vector<std::string> fields;  ///< one for each wanted column
};

struct Table {
  std::string file;
  std::vector<Row> rows;
  int64_t skipped = 0;    ///< bad rows left out
  std::string first_bad;  ///< what was wrong with the first of them, with file:line
};

/// Throws DataError on a bad file, UsageError on a column that the file does not have.
Table read_table(const std::string& file, const TableOptions& options);

}  // namespace filigree::data
