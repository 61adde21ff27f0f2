#pragma once
// JSON lines of prompts and completions: {"prompt": "...", "completion": "..."}. Other keys are ignored.
//
// A sample is the tokens of the prompt, then those of the completion and the end-of-text token; only the last two have a
// loss. Nothing is inserted between them: begin the completion with the space or line end that separates them.
#include "core/data/format.h"

namespace filigree::data {

class PromptCompletion : public Format {
 public:
  PromptCompletion();
  Table read(const std::string& path, const TableOptions& options) const override;
  std::string default_file(const std::string& split) const override { return split + ".jsonl"; }
  std::vector<std::string> default_columns() const override { return {"prompt", "completion"}; }
  std::vector<Segment> segments(const std::vector<std::string>& fields) const override;
  std::optional<std::vector<Segment>> prompt(const std::string& text, size_t columns) const override;
  Parts parts() const override { return {"prompt", "completion"}; }
};

}  // namespace filigree::data
