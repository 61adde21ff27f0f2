#pragma once
// The special tokens as tokenizer_config.json and special_tokens_map.json name them, read as transformers 5 reads them:
// the former over the names of the class, the latter over the former unless that has an added_tokens_decoder.
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/tokenizer/files/tokenizer_class.h"
#include "core/tokenizer/files/tokenizer_files.h"

namespace filigree::data {

struct NamedTokens {
  /// "bos_token", "eos_token", ... in the order in which they get ids; without a token where a file says null. The ids
  /// of the tokens are not set.
  std::vector<std::pair<std::string, std::optional<AddedToken>>> roles;
  std::vector<AddedToken> others;  ///< "image_token" and the like, whose role only their model knows
  std::vector<AddedToken> extra;   ///< additional_special_tokens, extra_special_tokens
  bool decoder = false;            ///< tokenizer_config.json has an added_tokens_decoder

  SpecialNames names() const;
};

/// TokenizerClass::file: what the files name, and nothing else.
NamedTokens named_tokens(const std::filesystem::path& dir, TokenizerClass kind);

}  // namespace filigree::data
