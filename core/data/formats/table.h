#pragma once
// The rows of a data file, whatever its format (UTF-8; a byte order mark and CRLF are allowed).
//
// Lines are counted as an editor counts them; a row's line is the one where it starts. An unusable row (too few columns,
// more fields than the header when a requested column is named in it, broken quoting or JSON, invalid UTF-8, NUL bytes)
// throws DataError with file:line, or, with skip_bad_rows, is counted and skipped.
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace filigree::data {

/// No row of a file has a requested column: the recipe names a wrong one.
class ColumnError : public UsageError {
 public:
  ColumnError(std::string column, const std::string& message) : UsageError(message), column_(std::move(column)) {}
  const std::string& column() const { return column_; }  ///< as requested

 private:
  std::string column_;
};

struct TableOptions {
  bool header = true;                ///< tsv, csv: the first line names the columns
  std::vector<std::string> columns;  ///< requested: by name, or by 0-based number (negative: from the row's end)
  bool skip_bad_rows = false;
  std::string label = {};  ///< of `columns`, the one that test files lack; a message then names filigree predict
  std::string split = {};  ///< for a format whose files hold all splits
};

struct Row {
  int64_t line = 0;
  std::vector<std::string> fields;  ///< one per requested column; a format with its own segments() says which
  int32_t file = 0;                 ///< index into Table::files
};

struct Table {
  std::vector<std::string> files;
  std::vector<Row> rows;
  int64_t skipped = 0;    ///< bad rows
  std::string first_bad;  ///< what was wrong with the first of them, with file:line
};

/// What is wrong with a row; "" if nothing is.
struct RowFault {
  RowFault(std::string what, std::string missing = {}) : text(std::move(what)), column(std::move(missing)) {}
  RowFault(const char* what) : text(what) {}
  bool empty() const { return text.empty(); }

  std::string text;
  std::string column;  ///< the requested column that the row lacks, if that is the fault
};

/// Throws on a bad row, or counts it. The advice to skip bad rows needs a good one: a fault that precedes all good rows
/// is thrown when a good row follows, or at the end of the file.
class BadRows {
 public:
  BadRows(Table& table, bool skip) : table_(table), skip_(skip) {}
  void add(int64_t line, const RowFault& fault);
  /// Called after the last row.
  void finish();

 private:
  [[noreturn]] void fail_first() const;

  Table& table_;
  bool skip_;
  int64_t bad_ = 0, first_line_ = 0;
  RowFault first_{""};
};

/// The text of a file that is not empty. Throws DataError.
std::string read_rows_of(const std::string& path);

/// A hint for a file without labels.
std::string predict_hint(const TableOptions& options, const std::string& column);

bool is_blank(std::string_view line, std::string_view blanks);

/// Fills a row from the object of a line.
using FillRow = std::function<RowFault(const nlohmann::json& object, Row& row)>;

/// Reads a JSONL file. Lines of whitespace are not rows. A line with a key twice in one object is a bad row.
Table read_json_lines(const std::string& path, bool skip_bad_rows, const FillRow& fill);

}  // namespace filigree::data
