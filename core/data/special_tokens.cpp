#include "core/data/special_tokens.h"

#include <fmt/format.h>

#include <algorithm>

namespace filigree::data {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

AddedToken plain(const std::string& content) { return {.content = content, .id = -1, .special = true}; }

NamedTokens family_tokens(BpeFamily family) {
  if (family == BpeFamily::gpt2) {
    const AddedToken end = plain("<|endoftext|>");
    return {{{"bos_token", end},
             {"eos_token", end},
             {"unk_token", end},
             {"sep_token", {}},
             {"pad_token", {}},
             {"cls_token", {}},
             {"mask_token", {}}},
            {}};
  }
  return {{{"bos_token", plain("<s>")},
           {"eos_token", plain("</s>")},
           {"unk_token", plain("<unk>")},
           {"sep_token", plain("</s>")},
           {"pad_token", plain("<pad>")},
           {"cls_token", plain("<s>")},
           {"mask_token", plain("<mask>")}},
          {}};
}

/// A name, or an object with flags, as read with this default of "special".
AddedToken read_special(const JsonReader& reader, const std::string& key, const json& value, bool special) {
  if (value.is_string()) return plain(value);
  if (!value.is_object() || !value.contains("content"))
    reader.fail(fmt::format("'{}' is neither a token nor an object with its content", key));
  return read_added_token(reader, value, -1, special || reader.flag(value, "special", false));
}

void read_extra(const JsonReader& reader, const char* key, bool map, NamedTokens& tokens) {
  const json& root = reader.root();
  if (!root.contains(key) || root[key].empty()) return;
  if (!root[key].is_array()) reader.fail(fmt::format("'{}' is not a list of tokens", key));
  for (const json& value : root[key]) tokens.extra.push_back(read_special(reader, key, value, map));
}

/// In special_tokens_map.json (`map`) a token is special from the start: so it is not normalised unless it says so.
void overlay(const JsonReader& reader, bool map, NamedTokens& tokens) {
  const json& root = reader.root();
  for (auto& [key, token] : tokens.roles) {
    if (!root.contains(key)) continue;
    token.reset();
    if (root[key].is_null()) continue;
    token = read_special(reader, key, root[key], map);
    token->special = true;
  }
  read_extra(reader, "extra_special_tokens", map, tokens);
  if (tokens.extra.empty()) read_extra(reader, "additional_special_tokens", map, tokens);
}

}  // namespace

SpecialNames NamedTokens::names() const {
  SpecialNames out;
  for (const auto& [key, token] : roles)
    if (token) out[key] = token->content;
  return out;
}

NamedTokens named_tokens(const fs::path& dir, std::optional<BpeFamily> family) {
  NamedTokens tokens = family_tokens(family.value_or(BpeFamily::roberta));
  if (!family)
    for (auto& [key, token] : tokens.roles) token.reset();
  if (fs::exists(dir / "tokenizer_config.json")) {
    const JsonReader config((dir / "tokenizer_config.json").string());
    overlay(config, false, tokens);
    if (config.root().contains("added_tokens_decoder")) return tokens;
  }
  if (fs::exists(dir / "special_tokens_map.json"))
    overlay(JsonReader((dir / "special_tokens_map.json").string()), true, tokens);
  return tokens;
}

}  // namespace filigree::data
