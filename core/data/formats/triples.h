#pragma once
// Reads the JSON files of WebNLG and DART as rows of two columns, context and reference. A context is the
// triples of an entry, "subject : property : object | ...", as in LoRA (Hu et al., 2021, examples/NLG);
// DART's properties are in lower case. An entry gives one row per text; WebNLG only for texts marked "good".
//
//   webnlg   {"entries": [{"1": {"modifiedtripleset": [{"subject", "property", "object"}], "lexicalisations": [{"lex",
//            "comment"}]}}, {"2": ...}]}
//   dart     [{"tripleset": [[subject, property, object]], "annotations": [{"text"}]}]
#include "core/data/format.h"

namespace filigree::data {

/// A row's line is the number of its entry, from 1.
class WebNlg : public Format {
 public:
  WebNlg();
  Table read(const std::string& path, const TableOptions& options) const override;
  std::string default_file(const std::string& split) const override { return split + ".json"; }
  std::vector<std::string> default_columns() const override { return {"triples", "text"}; }
};

class Dart : public Format {
 public:
  Dart();
  Table read(const std::string& path, const TableOptions& options) const override;
  std::string default_file(const std::string& split) const override { return split + ".json"; }
  std::vector<std::string> default_columns() const override { return {"triples", "text"}; }
};

}  // namespace filigree::data
