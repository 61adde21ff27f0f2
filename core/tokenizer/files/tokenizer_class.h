#pragma once
// The tokenizer class that AutoTokenizer of transformers 5 selects for a model folder, and the settings that this class
// takes from tokenizer_config.json. The class is named by tokenizer_class of tokenizer_config.json, else by
// tokenizer_class or model_type of config.json.
//
// BertTokenizer, GPT2Tokenizer and RobertaTokenizer build their own normalizer, pre-tokenizer and template from these
// settings, also beside a tokenizer.json: of that file the vocabulary, the merges and, without an added_tokens_decoder,
// the added tokens count; GPT-2 takes its template too. Any other class takes the sections of the file
// (TokenizerClass::file).
#include <filesystem>
#include <optional>

namespace filigree::data {

enum class TokenizerClass { file, bert, gpt2, roberta };

/// The classes of byte-level BPE.
inline bool is_bpe(TokenizerClass kind) { return kind == TokenizerClass::gpt2 || kind == TokenizerClass::roberta; }

struct TokenizerSettings {
  TokenizerClass kind = TokenizerClass::file;
  bool lowercase = true;              ///< do_lower_case
  bool chinese_chars = true;          ///< tokenize_chinese_chars
  std::optional<bool> strip_accents;  ///< unset: follows lowercase
  bool add_prefix_space = false;
  bool split_special = false;         ///< split_special_tokens: special tokens in a text are plain text
  std::optional<bool> truncate_left;  ///< truncation_side, when it is given
  bool type_ids = true;               ///< whether the class gives token_type_ids; otherwise all types are 0
};

/// Throws DataError when a file is malformed or a setting has the wrong type.
TokenizerSettings tokenizer_settings(const std::filesystem::path& dir);

}  // namespace filigree::data
