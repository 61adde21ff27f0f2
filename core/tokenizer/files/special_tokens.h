#pragma once
// The special tokens that tokenizer_config.json and special_tokens_map.json name, read as in transformers 5:
// tokenizer_config.json overrides the names of the class, and special_tokens_map.json overrides both unless
// tokenizer_config.json has an added_tokens_decoder.
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/tokenizer/files/tokenizer_class.h"
#include "core/tokenizer/files/tokenizer_files.h"

namespace filigree::data {

struct NamedTokens {
  /// "bos_token", "eos_token", ... in the order in which they get ids; nullopt if unnamed or null in a file.
  /// The ids of the tokens are not set.
  std::vector<std::pair<std::string, std::optional<AddedToken>>> roles;
  std::vector<AddedToken> others;  ///< "image_token" and similar, with a role that only their model uses
  std::vector<AddedToken> extra;   ///< additional_special_tokens, extra_special_tokens
  bool decoder = false;            ///< tokenizer_config.json has an added_tokens_decoder

  SpecialNames names() const;
};

/// With TokenizerClass::file: only what the files name.
NamedTokens named_tokens(const std::filesystem::path& dir, TokenizerClass kind);

}  // namespace filigree::data
