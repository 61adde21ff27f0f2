#include "core/data/read_table.h"

#include <algorithm>

#include "core/recipe/key_error.h"

namespace filigree::data {

namespace {

std::string key_of_layout(const recipe::DataConfig& config) {
  return config.task.empty() ? "data.format" : "data.task";
}

}  // namespace

std::string key_of_column(const recipe::DataConfig& config, const std::string& column) {
  if (std::ranges::find(config.text, column) != config.text.end()) return "data.text";
  return config.label == column ? "data.label" : key_of_layout(config);
}

std::string key_of_label(const recipe::DataConfig& config) {
  return config.label.empty() ? key_of_layout(config) : "data.label";
}

Table read_table(const recipe::DataConfig& config, const Format& format, const std::string& file,
                 const TableOptions& options) {
  try {
    return format.read(file, options);
  } catch (const ColumnError& error) {
    throw recipe::KeyError(key_of_column(config, error.column()), error.what());
  }
}

}  // namespace filigree::data
