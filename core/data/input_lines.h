#pragma once
// The --input file of predict and tokenize: a text, or a pair split by one tab, on each line (UTF-8). Every line
// counts, the empty ones too, so that results stand on the same lines as their inputs.
#include <optional>
#include <string>
#include <vector>

#include "core/tokenizer/tokenizer.h"

namespace filigree::data {

class InputLines {
 public:
  /// Throws DataError with file:line on a second tab, bytes that are not UTF-8, and NUL bytes.
  explicit InputLines(const std::string& file);
  /// One for each line; they point into this object.
  const std::vector<TextPair>& texts() const { return texts_; }
  const std::string& file() const { return file_; }
  std::string where(size_t text) const;  ///< "file:line", for messages
  InputLines(const InputLines&) = delete;

 private:
  std::string file_, bytes_;
  std::vector<TextPair> texts_;
};

}  // namespace filigree::data
