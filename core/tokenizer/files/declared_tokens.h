#pragma once
// The tokens that other files of the directory add to a vocabulary, with the ids that transformers 5 assigns:
//   tokenizer_config.json     added_tokens_decoder, the tokens with a role, extra_special_tokens
//   added_tokens.json         only without an added_tokens_decoder
//   special_tokens_map.json   likewise
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/tokenizer/files/special_tokens.h"
#include "core/tokenizer/files/tokenizer_files.h"

namespace filigree::data {

/// Adds the tokens that the files of `dir` declare. `added` already holds the tokens of tokenizer.json with
/// their ids; the flags of added_tokens_decoder replace theirs. A token that `ids` lacks gets the id after
/// the last one. `named`: the tokens with a role. Throws DataError if a declared id differs from the id that
/// the token has or gets.
void add_declared(const std::filesystem::path& dir, const NamedTokens& named, size_t vocab_size, TokenIds& ids,
                  std::vector<AddedToken>& added);

}  // namespace filigree::data
