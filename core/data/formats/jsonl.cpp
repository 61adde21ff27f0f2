#include "core/data/formats/jsonl.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/data/formats/delimited.h"
#include "core/shown.h"

namespace filigree::data {

using nlohmann::json;

namespace {

std::string keys_of(const json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(shown(key));
  return shown(fmt::format("{}", fmt::join(keys, ", ")), 300);
}

}  // namespace

Jsonl::Jsonl() : Format(named_columns("jsonl", "a line with an object; columns are its keys", false)) {}

Table Jsonl::read(const std::string& path, const TableOptions& options) const {
  return read_json_lines(path, options.skip_bad_rows, [&](const json& object, Row& row) -> RowFault {
    for (const std::string& name : options.columns) {
      if (!object.contains(name))
        return {fmt::format("has no key '{}'; its keys are: {}{}", name, keys_of(object), predict_hint(options, name)),
                name};
      const json& value = object[name];
      if (value.is_structured() || value.is_null()) return fmt::format("'{}' is neither text nor a number", name);
      row.fields.push_back(value.is_string() ? value.get<std::string>() : value.dump());
    }
    return "";
  });
}

}  // namespace filigree::data
