#pragma once
// The two layouts of BERT's tokenizer files, read into WordPieceOptions; load_tokenizer() chooses between them.
#include <filesystem>
#include <map>
#include <string>
#include <unordered_map>

#include "core/data/json_reader.h"
#include "core/data/wordpiece.h"

namespace filigree::data {

WordPieceOptions wordpiece_from_json(const std::filesystem::path& dir);   ///< tokenizer.json
WordPieceOptions wordpiece_from_vocab(const std::filesystem::path& dir);  ///< vocab.txt and tokenizer_config.json

// What both need.
using TokenIds = std::unordered_map<std::string, int32_t>;
using SpecialNames = std::map<std::string, std::string>;  ///< "unk_token" -> "[UNK]", ...

/// tokenizer_config.json's names where it has them, else BERT's.
SpecialNames special_names(const std::filesystem::path& dir);
SpecialIds special_ids(const SpecialNames& names, const TokenIds& ids);

/// [CLS] A [SEP], and [CLS] A [SEP] B [SEP] with B as segment 1.
Template bert_template(int32_t cls, int32_t sep);

/// Reads an entry with its flags into `options` and `ids`. Throws DataError when the vocabulary has the token under
/// another id.
void add_token(const JsonReader& reader, const nlohmann::json& entry, int32_t id, TokenIds& ids,
               WordPieceOptions& options);

}  // namespace filigree::data
