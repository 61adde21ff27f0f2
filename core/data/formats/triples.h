#pragma once
// The JSON files of WebNLG and DART as rows of two columns, context and reference. A context is the entry's triples,
// "subject : property : object | ...", as LoRA writes them (Hu et al., 2021, examples/NLG); DART's properties in lower
// case. An entry gives a row for each of its texts; of WebNLG's only those marked "good".
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

/// Appends the rows of a file's text; a row's line is the number of its entry, from 1. bad(entry, fault) is told of an
/// entry that is not laid out so. Throws DataError when the text is not JSON, or no list of entries.
void read_triples(std::string_view text, TableFormat format,
                  const std::function<void(int64_t, const std::string&)>& bad, Table& table);

}  // namespace filigree::data
