#include "core/data/formats/messages.h"

#include <fmt/format.h>

#include <algorithm>

namespace filigree::data {
namespace {

using nlohmann::json;

struct Role {
  const char* name;
  const char* heading;
};
constexpr Role kRoles[] = {{"system", "System:"}, {"user", "User:"}, {"assistant", "Assistant:"}};
constexpr const char* kAssistant = "assistant";

const Role* find_role(const std::string& name) {
  const auto* found = std::ranges::find(kRoles, name, &Role::name);
  return found == std::end(kRoles) ? nullptr : found;
}

/// Appends role and content of one turn; returns what is wrong with it, or "".
std::string turn_fault(const json& turn, size_t number, std::vector<std::string>& fields) {
  if (!turn.is_object()) return fmt::format("message {} is not an object", number);
  for (const char* key : {"role", "content"}) {
    if (!turn.contains(key)) return fmt::format("message {} has no key '{}'", number, key);
    if (!turn[key].is_string()) return fmt::format("'{}' of message {} is not text", key, number);
    fields.push_back(turn[key].get<std::string>());
  }
  const std::string& role = fields[fields.size() - 2];
  if (find_role(role) == nullptr)
    return fmt::format("message {} has the role '{}'; use system, user or assistant", number, role);
  return "";
}

std::string row_fault(const json& object, std::vector<std::string>& fields) {
  if (!object.contains("messages")) return "has no key 'messages'";
  const json& turns = object["messages"];
  if (!turns.is_array()) return "'messages' is not a list";
  bool answered = false;
  for (const json& turn : turns) {
    const std::string fault = turn_fault(turn, fields.size() / 2 + 1, fields);
    if (!fault.empty()) return fault;
    answered |= fields[fields.size() - 2] == kAssistant;
  }
  return answered ? "" : "has no message of the assistant, so nothing in it has a loss";
}

recipe::FormatTraits messages_traits() {
  recipe::FormatTraits traits{
      "messages", "a line `{\"messages\": [{\"role\": ..., \"content\": ...}, ...]}` with one conversation"};
  traits.tasks = {Task::causal_lm};
  traits.content = "conversations";
  traits.contexts = true;
  return traits;
}

}  // namespace

Messages::Messages() : Format(messages_traits()) {}

Table Messages::read(const std::string& path, const TableOptions& options) const {
  return read_json_lines(path, options.skip_bad_rows,
                         [](const json& object, Row& row) { return row_fault(object, row.fields); });
}

std::vector<Segment> Messages::segments(const std::vector<std::string>& fields) const {
  std::vector<Segment> segments;
  for (size_t i = 0; i + 1 < fields.size(); i += 2) {
    segments.push_back({find_role(fields[i])->heading, /*has_loss=*/false, /*ends=*/false});
    segments.push_back({" " + fields[i + 1], /*has_loss=*/fields[i] == kAssistant});
  }
  return segments;
}

std::optional<std::vector<Segment>> Messages::prompt(const std::string& text, size_t) const {
  std::vector<Segment> segments = this->segments({"user", text});
  segments.push_back({find_role(kAssistant)->heading, /*has_loss=*/false, /*ends=*/false});
  return segments;
}

}  // namespace filigree::data
