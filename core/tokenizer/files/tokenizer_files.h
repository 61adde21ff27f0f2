#pragma once
// The layouts of tokenizer files, read into the options of a kind; load_tokenizer() chooses between them. Every fault
// is a DataError that names the file and the key or line.
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

/// vocab.txt and the files beside it.
WordPieceOptions wordpiece_from_vocab(const std::filesystem::path& dir, const TokenizerSettings& settings);
/// vocab.json, merges.txt and the files beside them.
BpeOptions bpe_from_vocab(const std::filesystem::path& dir, const TokenizerSettings& settings);

// What several need.
using TokenIds = std::unordered_map<std::string, int32_t>;
using SpecialNames = std::map<std::string, std::string>;  ///< "unk_token" -> "[UNK]", ...

SpecialIds special_ids(const SpecialNames& names, const TokenIds& ids);

/// An object from token to id, appended to `vocab`. An empty one and two tokens with one id are faults.
TokenIds read_vocab(const JsonReader& reader, const nlohmann::json& object, Vocabulary& vocab);

/// "content" and the flags of an added token; what lacks `normalized` is normalised unless it is special.
AddedToken read_added_token(const JsonReader& reader, const nlohmann::json& entry, int32_t id, bool special);

/// Reads an entry with its flags into `added` and `ids`. Throws DataError when the vocabulary has the token under
/// another id.
void add_token(const JsonReader& reader, const nlohmann::json& entry, int32_t id, TokenIds& ids,
               std::vector<AddedToken>& added);
/// All of tokenizer.json's "added_tokens".
void read_added(const JsonReader& reader, TokenIds& ids, std::vector<AddedToken>& added);

/// Whether the "truncation" section of tokenizer.json cuts at the left; its other settings do not count here.
bool truncates_left(const JsonReader& reader);

/// The id that is a key of added_tokens_decoder.
int32_t decoder_key(const JsonReader& reader, const std::string& key, const nlohmann::json& entry);

// Templates (tokenizer_template.cpp). Those of a class throw DataError when a token that it needs is null.
/// A, and A B with B as segment 1.
Template plain_template();
/// [CLS] A [SEP], and [CLS] A [SEP] B [SEP] with B as segment 1.
Template bert_template(int32_t cls, int32_t sep);
Template bert_template(const std::filesystem::path& dir, const SpecialIds& special);
/// <s> A </s>, and <s> A </s></s> B </s>; all of segment 0.
Template roberta_template(int32_t cls, int32_t sep);
Template roberta_template(const std::filesystem::path& dir, const SpecialIds& special);
/// tokenizer.json's "post_processor"; those of byte-level BPE only with `byte_level`.
Template read_template(const JsonReader& reader, bool byte_level);

}  // namespace filigree::data
