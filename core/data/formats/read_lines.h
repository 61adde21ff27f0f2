#pragma once
// The loop of the formats that have one row per line.
#include <functional>
#include <string>
#include <string_view>

#include "core/data/formats/table.h"

namespace filigree::data {

/// Fills a row from a line, which is UTF-8.
using FillLine = std::function<RowFault(std::string_view line, Row& row)>;

/// Reads a file. Lines that are empty, or of only the characters in `blanks`, are not rows.
Table read_lines(const std::string& path, bool skip_bad_rows, std::string_view blanks, const FillLine& fill);

}  // namespace filigree::data
