// The functions of tokenizer_files.h that the layouts share.
#include <fmt/format.h>

#include "core/tokenizer/files/tokenizer_files.h"

namespace filigree::data {

using nlohmann::json;
namespace fs = std::filesystem;

SpecialIds special_ids(const SpecialNames& names, const TokenIds& ids) {
  auto find = [&](const char* key) {
    const auto name = names.find(key);
    const auto it = name == names.end() ? ids.end() : ids.find(name->second);
    return it == ids.end() ? -1 : it->second;
  };
  return {find("unk_token"),  find("cls_token"), find("sep_token"), find("pad_token"),
          find("mask_token"), find("bos_token"), find("eos_token")};
}

TokenIds read_vocab(const JsonReader& reader, const json& object, Vocabulary& vocab) {
  TokenIds ids;
  std::unordered_map<int32_t, std::string> tokens;
  for (const auto& [token, value] : object.items()) {
    const int32_t id = reader.id(value, fmt::format("id of token '{}'", token));
    const auto [other, fresh] = tokens.emplace(id, token);
    if (!fresh) reader.fail(fmt::format("tokens '{}' and '{}' have the same id {}", other->second, token, id));
    ids.emplace(token, id);
    vocab.emplace_back(token, id);
  }
  if (ids.empty()) reader.fail("the vocabulary is empty");
  return ids;
}

AddedToken read_added_token(const JsonReader& reader, const json& entry, int32_t id, bool special) {
  return {.content = reader.text(entry, "content", ""),
          .id = id,
          .single_word = reader.flag(entry, "single_word", false),
          .lstrip = reader.flag(entry, "lstrip", false),
          .rstrip = reader.flag(entry, "rstrip", false),
          .normalized = reader.flag(entry, "normalized", !special),
          .special = special};
}

void add_token(const JsonReader& reader, const json& entry, int32_t id, TokenIds& ids, std::vector<AddedToken>& added) {
  AddedToken token = read_added_token(reader, entry, id, reader.flag(entry, "special", false));
  const auto [known, fresh] = ids.emplace(token.content, token.id);
  if (!fresh && known->second != token.id)
    reader.fail(fmt::format("added token '{}' has id {}, but its id in the vocabulary is {}", token.content, token.id,
                            known->second));
  added.push_back(std::move(token));
}

void read_added(const JsonReader& reader, TokenIds& ids, std::vector<AddedToken>& added) {
  const json& root = reader.root();
  if (!root.contains("added_tokens") || root["added_tokens"].is_null()) return;
  if (!root["added_tokens"].is_array()) reader.fail("'added_tokens' is not a list");
  for (const json& entry : root["added_tokens"]) {
    if (!entry.is_object() || !entry.contains("id")) reader.fail("an entry of 'added_tokens' has no id");
    add_token(reader, entry, reader.id(entry["id"], "id of an added token"), ids, added);
  }
}

bool truncates_left(const JsonReader& reader) {
  const auto section = reader.root().find("truncation");
  if (section == reader.root().end() || !section->is_object()) return false;
  return reader.text(*section, "direction", "Right") == "Left";
}

int32_t decoder_key(const JsonReader& reader, const std::string& key, const json& entry) {
  const bool digits = !key.empty() && key.size() < 10 && key.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || !entry.is_object())
    reader.fail(fmt::format("added_tokens_decoder: '{}' is not the id of a token", key));
  return std::stoi(key);
}

}  // namespace filigree::data
