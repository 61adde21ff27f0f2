#include "core/data/formats/prompt_completion.h"

#include <fmt/format.h>

#include "core/data/formats/lines.h"

namespace filigree::data {

using nlohmann::json;

PromptCompletion::PromptCompletion()
    : Format(contexts_and_references("prompt_completion", "a line `{\"prompt\": ..., \"completion\": ...}`")) {}

Table PromptCompletion::read(const std::string& path, const TableOptions& options) const {
  return read_json_lines(path, options.skip_bad_rows, [](const json& object, Row& row) -> std::string {
    for (const char* key : {"prompt", "completion"}) {
      if (!object.contains(key)) return fmt::format("has no key '{}'", key);
      if (!object[key].is_string()) return fmt::format("'{}' is not text", key);
      row.fields.push_back(object[key].get<std::string>());
    }
    return "";
  });
}

std::vector<Segment> PromptCompletion::segments(const std::vector<std::string>& fields) const {
  return {{fields.at(0), /*has_loss=*/false, /*ends=*/false}, {fields.at(1)}};
}

std::optional<std::vector<Segment>> PromptCompletion::prompt(const std::string& text, size_t) const {
  return std::vector<Segment>{{text, /*has_loss=*/false, /*ends=*/false}};
}

}  // namespace filigree::data
