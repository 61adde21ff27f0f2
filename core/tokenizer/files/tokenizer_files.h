#pragma once
// Reads each layout of tokenizer files into the options of its kind; load_tokenizer() selects the layout.
// Every error is a DataError that names the file and the key or line.
#include <filesystem>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/text/json_reader.h"
#include "core/tokenizer/bpe.h"
#include "core/tokenizer/files/tokenizer_class.h"
#include "core/tokenizer/wordpiece.h"

namespace filigree::data {

/// `reader` holds the tokenizer.json of `dir`.
WordPieceOptions wordpiece_from_json(const JsonReader& reader, const std::filesystem::path& dir,
                                     const TokenizerSettings& settings);
BpeOptions bpe_from_json(const JsonReader& reader, const std::filesystem::path& dir, const TokenizerSettings& settings);

/// Reads vocab.txt and the files beside it.
WordPieceOptions wordpiece_from_vocab(const std::filesystem::path& dir, const TokenizerSettings& settings);
/// Reads vocab.json, merges.txt and the files beside them.
BpeOptions bpe_from_vocab(const std::filesystem::path& dir, const TokenizerSettings& settings);

// Shared by the layouts.
using TokenIds = std::unordered_map<std::string, int32_t>;
using SpecialNames = std::map<std::string, std::string>;  ///< "unk_token" -> "[UNK]", ...

SpecialIds special_ids(const SpecialNames& names, const TokenIds& ids);

/// Reads an object that maps tokens to ids and appends it to `vocab`. It must not be empty or repeat an id.
TokenIds read_vocab(const JsonReader& reader, const nlohmann::json& object, Vocabulary& vocab);

/// "content" and the flags of an added token; without `normalized`, it is normalized unless it is special.
AddedToken read_added_token(const JsonReader& reader, const nlohmann::json& entry, int32_t id, bool special);

/// Reads an entry with its flags into `added` and `ids`. Throws DataError if the token has another id in the
/// vocabulary.
void add_token(const JsonReader& reader, const nlohmann::json& entry, int32_t id, TokenIds& ids,
               std::vector<AddedToken>& added);
/// Reads all "added_tokens" of tokenizer.json.
void read_added(const JsonReader& reader, TokenIds& ids, std::vector<AddedToken>& added);

/// Whether the "truncation" section of tokenizer.json truncates on the left; its other settings are ignored.
bool truncates_left(const JsonReader& reader);

/// The id in a key of added_tokens_decoder.
int32_t decoder_key(const JsonReader& reader, const std::string& key, const nlohmann::json& entry);

// Templates (tokenizer_template.cpp). With `dir`, they throw DataError if a token of the class is null.
/// A, and A B with B as segment 1.
Template plain_template();
/// [CLS] A [SEP], and [CLS] A [SEP] B [SEP] with B as segment 1.
Template bert_template(int32_t cls, int32_t sep);
Template bert_template(const std::filesystem::path& dir, const SpecialIds& special);
/// `<s> A </s>`, and `<s> A </s></s> B </s>`; all of segment 0.
Template roberta_template(int32_t cls, int32_t sep);
Template roberta_template(const std::filesystem::path& dir, const SpecialIds& special);
/// Reads "post_processor" of tokenizer.json; the types of byte-level BPE only with `byte_level`.
Template read_template(const JsonReader& reader, bool byte_level);

}  // namespace filigree::data
