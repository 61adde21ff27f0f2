#pragma once
// Conversations as JSON lines: {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", ...}, ...]}.
// Roles are system, user and assistant. Other keys are ignored.
//
// A sample has, for each turn, the tokens of the role's name ("System:", "User:", "Assistant:"), of a space and the
// content, and the end-of-text token. Only the content of the assistant's turns and the end-of-text token after it have
// a loss. This layout is fixed; a chat_template of the tokenizer is not used.
#include "core/data/format.h"

namespace filigree::data {

class Messages : public Format {
 public:
  Messages();
  /// A row's fields are role, content, role, content, ...
  Table read(const std::string& path, const TableOptions& options) const override;
  std::string default_file(const std::string& split) const override { return split + ".jsonl"; }
  std::vector<std::string> default_columns() const override { return {"messages"}; }
  std::vector<Segment> segments(const std::vector<std::string>& fields) const override;
  /// The text as a turn of the user, and the beginning of the assistant's answer.
  std::optional<std::vector<Segment>> prompt(const std::string& text, size_t columns) const override;
  Parts parts() const override { return {"conversation before the assistant's first answer", "answer"}; }
};

}  // namespace filigree::data
