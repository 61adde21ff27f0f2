#pragma once
// Reads the rows of a data section's file. A requested column that the file lacks is a fault of the recipe key that names
// it.
#include <string>

#include "core/data/format.h"
#include "core/recipe/recipe.h"

namespace filigree::data {

/// The key that names the column: data.text or data.label; data.task if it is one of a preset, else data.format.
std::string key_of_column(const recipe::DataConfig& config, const std::string& column);

/// The same for the label column.
std::string key_of_label(const recipe::DataConfig& config);

/// format.read(), with a KeyError (core/recipe/key_error.h) of that key instead of a ColumnError.
Table read_table(const recipe::DataConfig& config, const Format& format, const std::string& file,
                 const TableOptions& options);

}  // namespace filigree::data
