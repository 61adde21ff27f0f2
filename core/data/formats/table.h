#pragma once
// Rows and columns from TSV, CSV, JSONL, E2E and plain text files (UTF-8, byte order mark and CRLF allowed).
//   tsv    one row per line; quotes are plain text; no escapes
//   csv    RFC 4180: "..." quotes a field, which may hold commas, line ends and "" for a quote
//   jsonl  one object per line; columns are its keys
//   text   one row of one column per line
//   e2e    one row of two columns per line: "meaning||reference"
//   webnlg, dart    see triples.h
// Empty lines are skipped, and so are lines of spaces in tsv, csv and jsonl. Lines are numbered as in an
// editor; a row's line is the one on which it starts.
//
// A bad row (too few columns, more columns than a header that names a requested one, broken quoting or JSON,
// bytes that are not UTF-8, NUL bytes) throws DataError with file:line or, with skip_bad_rows, is counted and
// skipped. A quote that is never closed is always an error.
#include <cstdint>
#include <string>
#include <vector>

namespace filigree::data {

enum class TableFormat { tsv, csv, jsonl, text, e2e, webnlg, dart };
TableFormat table_format(const std::string& name);  ///< throws UsageError

struct TableOptions {
  TableFormat format = TableFormat::tsv;
  bool header = true;                ///< tsv, csv: the first line names the columns
  std::vector<std::string> columns;  ///< requested: by name, or by 0-based number (negative: from the row's end)
  bool skip_bad_rows = false;
  std::string label = {};  ///< of `columns`, the one that test files lack; errors on it suggest filigree predict
};

struct Row {
  int64_t line = 0;
  std::vector<std::string> fields;  ///< one per requested column
};

struct Table {
  std::string file;
  std::vector<Row> rows;
  int64_t skipped = 0;    ///< skipped bad rows
  std::string first_bad;  ///< error of the first skipped row, with file:line
};

/// Throws DataError on a bad file, UsageError on a column that the file does not have.
Table read_table(const std::string& file, const TableOptions& options);

}  // namespace filigree::data
