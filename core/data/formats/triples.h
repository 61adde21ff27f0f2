#pragma once
// Reads the JSON files of WebNLG and DART as rows of two columns, context and reference. A context is the
// triples of an entry, "subject : property : object | ...", as in LoRA (Hu et al., 2021, examples/NLG);
// DART's properties are in lower case. An entry gives one row per text; WebNLG only for texts marked "good".
//
//   webnlg   {"entries": [{"1": {"modifiedtripleset": [{"subject", "property", "object"}], "lexicalisations": [{"lex",
//            "comment"}]}}, {"2": ...}]}
//   dart     [{"tripleset": [[subject, property, object]], "annotations": [{"text"}]}]
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/data/formats/table.h"

namespace filigree::data {

/// Appends the rows of a file's text; a row's line is the number of its entry, from 1. Calls bad(entry,
/// fault) for an entry with another layout. Throws DataError if the text is not JSON or not a list of
/// entries.
void read_triples(std::string_view text, TableFormat format,
                  const std::function<void(int64_t, const std::string&)>& bad, Table& table);

}  // namespace filigree::data
