#include "core/data/formats/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/data/formats/csv.h"
#include "core/data/formats/triples.h"
#include "core/error.h"
#include "core/text/text_file.h"

namespace filigree::data {
namespace {

using nlohmann::json;

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

/// Throws on a bad row, or counts it.
class BadRows {
 public:
  BadRows(Table& table, bool skip) : table_(table), skip_(skip) {}
  void add(int64_t line, const std::string& message) {
    if (!skip_) fail_at(table_.file, line, message + " (set data.bad_rows: skip to skip such rows)");
    if (table_.skipped++ == 0) table_.first_bad = fmt::format("{}:{}: {}", table_.file, line, message);
  }

 private:
  Table& table_;
  bool skip_;
};

std::vector<Column> numbered(const TableOptions& options, const std::string& file) {
  std::vector<Column> columns;
  for (const std::string& name : options.columns) {
    columns.push_back({name, as_index(name)});
    if (!columns.back().index)
      throw UsageError(fmt::format("{}: has no header, so column '{}' must be given by its number", file, name));
  }
  return columns;
}

/// A hint for a file without labels.
std::string predict_hint(const TableOptions& options, const std::string& column) {
  return column == options.label ? ". Without labels nothing can be scored; `filigree predict` labels texts" : "";
}

std::vector<Column> named(const TableOptions& options, const std::vector<std::string>& header,
                          const std::string& file) {
  std::vector<Column> columns;
  for (const std::string& name : options.columns) {
    const auto hits = std::count(header.begin(), header.end(), name);
    if (hits > 1) throw UsageError(fmt::format("{}:1: {} columns are named '{}'; give its number", file, hits, name));
    if (hits == 1) {
      columns.push_back({name, std::find(header.begin(), header.end(), name) - header.begin()});
    } else if (const auto index = as_index(name)) {
      columns.push_back({name, index});
    } else {
      throw UsageError(fmt::format("{}:1: has no column '{}'; its columns are: {}{}", file, name,
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
      bad.add(line, fmt::format("has {} column{}; column {} is missing", count, count == 1 ? "" : "s", column.name));
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

bool is_blank(std::string_view line, std::string_view blanks) {
  return line.find_first_not_of(blanks) == std::string_view::npos;
}

/// An extra field shifts the others: a label would be read from the wrong column. Ignores trailing empty
/// fields.
std::string surplus_fault(const std::vector<std::string>& fields, size_t header) {
  size_t count = fields.size();
  while (count > header && fields[count - 1].empty()) --count;
  if (count <= header) return "";
  return fmt::format(
      "has {} columns, but the header has {}; quote a field that holds the separator (csv), or remove the separator",
      count, header);
}

/// The records of a TSV or CSV text, without blank ones.
class Records {
 public:
  Records(std::string_view text, TableFormat format, const std::string& file)
      : csv_(text, file), lines_(text), is_csv_(format == TableFormat::csv) {}

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

void read_fields(std::string_view text, const TableOptions& options, Table& table, BadRows& bad) {
  Records records(text, options.format, table.file);
  std::vector<std::string> fields;
  std::string fault;
  bool more = records.next(fields, fault);
  if (!more) return;
  if (options.header && !fault.empty()) fail_at(table.file, records.line(), fault);
  const auto columns = options.header ? named(options, fields, table.file) : numbered(options, table.file);
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
}

/// The field as text: numbers and booleans as JSON writes them.
std::string json_field(const json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

void read_json_line(std::string_view bytes, int64_t line, const TableOptions& options, Table& table, BadRows& bad) {
  if (const std::string fault = encoding_fault(bytes); !fault.empty()) return bad.add(line, fault);
  const json object = json::parse(bytes, nullptr, false);
  if (object.is_discarded()) return bad.add(line, fmt::format("is not valid JSON: {}", shown(bytes)));
  if (!object.is_object()) return bad.add(line, "is not a JSON object");
  Row row{line, {}};
  for (const std::string& name : options.columns) {
    if (!object.contains(name))
      return bad.add(line, fmt::format("has no key '{}'{}", name, predict_hint(options, name)));
    const json& value = object[name];
    if (value.is_structured() || value.is_null())
      return bad.add(line, fmt::format("'{}' is neither text nor a number", name));
    row.fields.push_back(json_field(value));
  }
  table.rows.push_back(std::move(row));
}

void read_e2e_line(std::string_view bytes, int64_t line, Table& table, BadRows& bad) {
  const size_t bars = bytes.find("||");
  if (bars == std::string_view::npos)
    return bad.add(line, fmt::format("has no '||' between meaning and reference: {}", shown(bytes)));
  table.rows.push_back(
      {line, {std::string(trimmed(bytes.substr(0, bars))), std::string(trimmed(bytes.substr(bars + 2)))}});
}

void read_lines(std::string_view text, const TableOptions& options, Table& table, BadRows& bad) {
  LineReader lines(text);
  for (std::string_view line; lines.next(line);) {
    if (options.format == TableFormat::jsonl ? is_blank(line, " \t\r") : line.empty()) continue;
    if (options.format == TableFormat::jsonl) {
      read_json_line(line, lines.number(), options, table, bad);
    } else if (const std::string fault = encoding_fault(line); !fault.empty()) {
      bad.add(lines.number(), fault);
    } else if (options.format == TableFormat::e2e) {
      read_e2e_line(line, lines.number(), table, bad);
    } else {
      table.rows.push_back({lines.number(), {std::string(line)}});
    }
  }
}

}  // namespace

TableFormat table_format(const std::string& name) {
  if (name == "tsv") return TableFormat::tsv;
  if (name == "csv") return TableFormat::csv;
  if (name == "jsonl") return TableFormat::jsonl;
  if (name == "text") return TableFormat::text;
  if (name == "e2e") return TableFormat::e2e;
  if (name == "webnlg") return TableFormat::webnlg;
  if (name == "dart") return TableFormat::dart;
  throw UsageError(fmt::format("unknown format '{}': use tsv, csv, jsonl, text, e2e, webnlg, dart or wordnet", name));
}

Table read_table(const std::string& file, const TableOptions& options) {
  const std::string text = read_text_file(file);
  if (text.empty()) throw DataError(fmt::format("{}: is empty", file));
  Table table{file, {}, 0, ""};
  BadRows bad(table, options.skip_bad_rows);
  if (options.format == TableFormat::tsv || options.format == TableFormat::csv) {
    read_fields(text, options, table, bad);
  } else if (options.format == TableFormat::webnlg || options.format == TableFormat::dart) {
    read_triples(
        text, options.format, [&](int64_t entry, const std::string& fault) { bad.add(entry, fault); }, table);
  } else {
    read_lines(text, options, table, bad);
  }
  return table;
}

}  // namespace filigree::data
