#pragma once
// The tokenizer class that AutoTokenizer of transformers 5 selects for a model directory, and the settings
// that this class reads from tokenizer_config.json. tokenizer_class in tokenizer_config.json names the class;
// without it, tokenizer_class or model_type in config.json.
//
// BertTokenizer, GPT2Tokenizer and RobertaTokenizer build their own normalizer, pre-tokenizer and template from these
// settings, even if there is a tokenizer.json. From that file they take the vocabulary, the merges, the
// truncation side and, without an added_tokens_decoder, the added tokens; GPT-2 also takes the template. Any
// other class uses all sections of the file (TokenizerClass::file).
#include <filesystem>
#include <optional>
#include <string>

namespace filigree::data {

enum class TokenizerClass { file, bert, gpt2, roberta };

/// The classes of byte-level BPE.
inline bool is_bpe(TokenizerClass kind) { return kind == TokenizerClass::gpt2 || kind == TokenizerClass::roberta; }

struct TokenizerSettings {
  TokenizerClass kind = TokenizerClass::file;
  std::string class_name;             ///< as given, without "Fast"; empty: no file names one
  bool needs_json = false;            ///< the class reads nothing but tokenizer.json
  bool lowercase = true;              ///< do_lower_case
  bool chinese_chars = true;          ///< tokenize_chinese_chars
  std::optional<bool> strip_accents;  ///< unset: follows lowercase
  bool add_prefix_space = false;
  bool split_special = false;         ///< split_special_tokens: treat special tokens in a text as plain text
  std::optional<bool> truncate_left;  ///< truncation_side, if given
  bool type_ids = true;               ///< whether the class returns token_type_ids; otherwise all types are 0
};

/// Throws DataError when a file is malformed, a setting has the wrong type, or the class has rules of its own.
TokenizerSettings tokenizer_settings(const std::filesystem::path& dir);

}  // namespace filigree::data
