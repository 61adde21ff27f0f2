#pragma once
// Rows with columns named by a header or by number.
//   tsv   each line is a row; quotes are literal; there is no escape
//   csv   RFC 4180: "..." quotes a field, "" inside it is a quote; a field may contain commas and line ends
// Empty lines and lines of only spaces are not rows. An unclosed quote is always an error.
#include "core/data/format.h"

namespace filigree::data {

class Tsv : public Format {
 public:
  Tsv();
  Table read(const std::string& path, const TableOptions& options) const override;
};

class Csv : public Format {
 public:
  Csv();
  Table read(const std::string& path, const TableOptions& options) const override;
};

/// What formats whose columns the recipe names have in common.
recipe::FormatTraits named_columns(const std::string& name, const std::string& help, bool header);

}  // namespace filigree::data
