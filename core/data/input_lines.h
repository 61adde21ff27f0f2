#pragma once
// The --input file of predict and tokenize (UTF-8): one text, or a pair separated by one tab, per line. Empty
// lines count too, so each result is on the same line as its input.
#include <optional>
#include <string>
#include <vector>

#include "core/tokenizer/tokenizer.h"

namespace filigree::data {

class InputLines {
 public:
  /// Throws DataError with file:line on a second tab, on bytes that are not UTF-8, and on NUL bytes.
  explicit InputLines(const std::string& file);
  /// One per line; they point into this object.
  const std::vector<TextPair>& texts() const { return texts_; }
  const std::string& file() const { return file_; }
  std::string where(size_t text) const;  ///< "file:line", for messages
  InputLines(const InputLines&) = delete;

 private:
  std::string file_, bytes_;
  std::vector<TextPair> texts_;
};

}  // namespace filigree::data
