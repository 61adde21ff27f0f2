#include "core/data/formats/delimited.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/counted.h"
#include "core/data/formats/csv.h"
#include "core/error.h"
#include "core/text/text_file.h"

namespace filigree::data {
namespace {

/// A requested column: an index (negative: from the end) or a key.
struct Column {
  std::string name;
  std::optional<int64_t> index;
};

std::optional<int64_t> as_index(const std::string& name) {
  int64_t value = 0;
  const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), value);
  if (code != std::errc() || end != name.data() + name.size()) return {};
  return value;
}

std::vector<Column> numbered(const TableOptions& options, const std::string& file) {
  std::vector<Column> columns;
  for (const std::string& name : options.columns) {
    columns.push_back({name, as_index(name)});
    if (!columns.back().index)
      throw ColumnError(name, fmt::format("{}: has no header, so column '{}' must be given by its number", file, name));
  }
  return columns;
}

std::vector<Column> named(const TableOptions& options, const std::vector<std::string>& header,
                          const std::string& file) {
  std::vector<Column> columns;
  for (const std::string& name : options.columns) {
    const auto hits = std::count(header.begin(), header.end(), name);
    if (hits > 1)
      throw ColumnError(name, fmt::format("{}:1: {} columns are named '{}'; give its number", file, hits, name));
    if (hits == 1) {
      columns.push_back({name, std::find(header.begin(), header.end(), name) - header.begin()});
    } else if (const auto index = as_index(name)) {
      columns.push_back({name, index});
    } else {
      throw ColumnError(name, fmt::format("{}:1: has no column '{}'; its columns are: {}{}", file, name,
                                          fmt::join(header, ", "), predict_hint(options, name)));
    }
  }
  return columns;
}

void add_row(const std::vector<Column>& columns, int64_t line, std::vector<std::string>&& fields, Table& table,
             BadRows& bad) {
  Row row{line, {}};
  const auto count = static_cast<int64_t>(fields.size());
  for (const Column& column : columns) {
    const int64_t index = *column.index < 0 ? count + *column.index : *column.index;
    if (index < 0 || index >= count) {
      const std::string by_number = as_index(column.name) ? column.name : "";
      bad.add(line, {fmt::format("has {}; column {} is missing", counted(count, "column"), column.name), by_number});
      return;
    }
    row.fields.push_back(fields[static_cast<size_t>(index)]);
  }
  table.rows.push_back(std::move(row));
}

std::vector<std::string> split_tabs(std::string_view line) {
  std::vector<std::string> fields;
  for (size_t start = 0;; ++start) {
    const size_t end = line.find('\t', start);
    fields.emplace_back(line.substr(start, end - start));
    if (end == std::string_view::npos) return fields;
    start = end;
  }
}

/// An extra field shifts the others: a label would be read from the wrong column. Ignores trailing empty
/// fields.
std::string surplus_fault(const std::vector<std::string>& fields, size_t header) {
  size_t count = fields.size();
  while (count > header && fields[count - 1].empty()) --count;
  if (count <= header) return "";
  return fmt::format(
      "has {}, but the header has {}; quote a field that holds the separator (csv), or remove the separator",
      counted(count, "column"), header);
}

/// The records of a TSV or CSV text, without blank ones.
class Records {
 public:
  Records(std::string_view text, bool is_csv, const std::string& file)
      : csv_(text, file), lines_(text), is_csv_(is_csv) {}

  /// False at the end. `fault` describes what is wrong with the record.
  bool next(std::vector<std::string>& fields, std::string& fault) {
    if (is_csv_) return csv_.next(fields, fault);
    std::string_view line;
    do {
      if (!lines_.next(line)) return false;
    } while (is_blank(line, " "));
    fault = encoding_fault(line);
    fields = split_tabs(line);
    return true;
  }
  int64_t line() const { return is_csv_ ? csv_.line() : lines_.number(); }

 private:
  CsvReader csv_;
  LineReader lines_;
  bool is_csv_;
};

bool finds_a_name(const std::vector<std::string>& columns, const std::vector<std::string>& header) {
  return std::ranges::any_of(columns,
                             [&](const auto& name) { return std::ranges::find(header, name) != header.end(); });
}

Table read_fields(const std::string& path, const TableOptions& options, bool is_csv) {
  const std::string text = read_rows_of(path);
  Table table{{path}, {}, 0, ""};
  BadRows bad(table, options.skip_bad_rows);
  Records records(text, is_csv, path);
  std::vector<std::string> fields;
  std::string fault;
  bool more = records.next(fields, fault);
  if (!more) return table;
  if (options.header && !fault.empty()) fail_at(path, records.line(), fault);
  const auto columns = options.header ? named(options, fields, path) : numbered(options, path);
  const size_t most = options.header && finds_a_name(options.columns, fields) ? fields.size() : 0;  // 0: any number
  if (options.header) more = records.next(fields, fault);
  for (; more; more = records.next(fields, fault)) {
    if (fault.empty() && most > 0) fault = surplus_fault(fields, most);
    if (!fault.empty()) {
      bad.add(records.line(), fault);
    } else {
      add_row(columns, records.line(), std::move(fields), table, bad);
    }
  }
  bad.finish();
  return table;
}

}  // namespace

recipe::FormatTraits named_columns(const std::string& name, const std::string& help, bool header) {
  recipe::FormatTraits traits{name, help};
  traits.named_columns = true;
  traits.header = header;
  traits.packs = true;
  traits.tasks = {Task::sequence_classification, Task::regression, Task::masked_lm, Task::causal_lm};
  return traits;
}

Tsv::Tsv() : Format(named_columns("tsv", "a line of fields between tabs; quotes are literal", true)) {}

Table Tsv::read(const std::string& path, const TableOptions& options) const {
  return read_fields(path, options, /*is_csv=*/false);
}

Csv::Csv()
    : Format(named_columns("csv", "a record of RFC 4180; a quoted field may contain commas and line ends", true)) {}

Table Csv::read(const std::string& path, const TableOptions& options) const {
  return read_fields(path, options, /*is_csv=*/true);
}

}  // namespace filigree::data
