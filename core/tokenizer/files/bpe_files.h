#pragma once
// What the two layouts of byte-level BPE share.
#include <string>

#include "core/tokenizer/files/tokenizer_files.h"

namespace filigree::data {

/// The merge of two tokens that the vocabulary has, as it has what they become; else `fault` says what it lacks.
Merge find_merge(const std::string& left, const std::string& right, const TokenIds& ids, std::string& fault);

/// The same for "left right" on one line, cut at its one space.
Merge read_merge(const std::string& line, const TokenIds& ids, std::string& fault);

/// Whether a line is the head of a list of merges ("#version: 0.2").
inline bool is_merges_head(std::string_view line) { return line.starts_with("#version"); }

/// Whether some byte has no token; then an unknown token matters.
bool lacks_bytes(const TokenIds& ids);

}  // namespace filigree::data
