#pragma once
// Lines as rows; empty lines are not rows.
//   text   a line is a row of one column
//   e2e    a line is "meaning||reference", a row of two columns
#include "core/data/format.h"

namespace filigree::data {

class TextLines : public Format {
 public:
  TextLines();
  Table read(const std::string& path, const TableOptions& options) const override;
  std::string default_file(const std::string& split) const override { return split + ".txt"; }
  std::vector<std::string> default_columns() const override { return {"text"}; }
};

class E2e : public Format {
 public:
  E2e();
  Table read(const std::string& path, const TableOptions& options) const override;
  std::string default_file(const std::string& split) const override { return split + ".txt"; }
  std::vector<std::string> default_columns() const override { return {"meaning", "reference"}; }
};

/// What formats of contexts and references have in common.
recipe::FormatTraits contexts_and_references(const std::string& name, const std::string& help);

}  // namespace filigree::data
