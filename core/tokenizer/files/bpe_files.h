#pragma once
// Shared by the two file layouts of byte-level BPE.
#include <string>

#include "core/tokenizer/files/tokenizer_files.h"

namespace filigree::data {

/// The merge of two tokens. Sets `fault` if the vocabulary lacks one of them or the merged token.
Merge find_merge(const std::string& left, const std::string& right, const TokenIds& ids, std::string& fault);

/// The same for the line "left right". Also sets `fault` unless the line has exactly one space.
Merge read_merge(const std::string& line, const TokenIds& ids, std::string& fault);

/// Whether a line is the header of a list of merges ("#version: 0.2").
inline bool is_merges_head(std::string_view line) { return line.starts_with("#version"); }

/// Whether some byte has no token; only then is the unknown token used.
bool lacks_bytes(const TokenIds& ids);

}  // namespace filigree::data
