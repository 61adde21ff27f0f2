#include "core/data/formats/csv.h"

#include <algorithm>

#include "core/text/text_file.h"

namespace filigree::data {

bool CsvReader::at_line_end() const {
  return at_ >= text_.size() || text_[at_] == '\n' ||
         (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n');
}

void CsvReader::skip_line_end() {
  if (at_ < text_.size() && text_[at_] == '\r') ++at_;
  if (at_ < text_.size() && text_[at_] == '\n') ++at_;
  ++line_;
}

/// Skips lines that are empty or hold only spaces and tabs.
void CsvReader::skip_blank_lines() {
  while (at_ < text_.size()) {
    const size_t start = at_;
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
    if (!at_line_end()) {
      at_ = start;
      return;
    }
    skip_line_end();
  }
}

/// Reads from after the opening quote to after the closing one.
void CsvReader::quoted(std::string& out) {
  const int64_t opened = line_;
  for (;;) {
    const size_t end = text_.find('"', at_);
    if (end == std::string_view::npos) fail_at(file_, opened, "a quote that opens here is never closed");
    const std::string_view part = text_.substr(at_, end - at_);
    line_ += std::count(part.begin(), part.end(), '\n');
    out.append(part);
    at_ = end + 1;
    if (at_ >= text_.size() || text_[at_] != '"') return;
    out.push_back('"');
    ++at_;
  }
}

/// Reads one field; true if another follows in this record.
bool CsvReader::field(std::string& out, std::string& fault) {
  out.clear();
  if (at_ < text_.size() && text_[at_] == '"') {
    ++at_;
    quoted(out);
    if (!at_line_end() && text_[at_] != ',')
      fault = "text follows the closing quote of a field (write a quote inside a field twice)";
  }
  const size_t start = at_;
  while (!at_line_end() && text_[at_] != ',') ++at_;
  out.append(text_.substr(start, at_ - start));
  if (fault.empty()) fault = encoding_fault(out);
  if (at_ >= text_.size() || text_[at_] != ',') return false;
  ++at_;
  return true;
}

bool CsvReader::next(std::vector<std::string>& fields, std::string& fault) {
  skip_blank_lines();
  if (at_ >= text_.size()) return false;
  start_line_ = line_;
  fields.clear();
  fault.clear();
  std::string value;
  bool more = true;
  while (more) {
    more = field(value, fault);
    fields.push_back(value);
  }
  skip_line_end();
  return true;
}

}  // namespace filigree::data
