#include "core/tokenizer/files/special_tokens.h"

#include <fmt/format.h>

#include <algorithm>

namespace filigree::data {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

AddedToken plain(const std::string& content) { return {.content = content, .id = -1, .special = true}; }

NamedTokens class_tokens(TokenizerClass kind) {
  constexpr const char* kRoles[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                    "pad_token", "cls_token", "mask_token"};
  std::map<std::string, std::string> names;
  if (kind == TokenizerClass::gpt2)
    names = {{"bos_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}, {"unk_token", "<|endoftext|>"}};
  if (kind == TokenizerClass::roberta)
    names = {{"bos_token", "<s>"},   {"eos_token", "</s>"}, {"unk_token", "<unk>"},  {"sep_token", "</s>"},
             {"pad_token", "<pad>"}, {"cls_token", "<s>"},  {"mask_token", "<mask>"}};
  if (kind == TokenizerClass::bert)
    names = {{"unk_token", "[UNK]"},
             {"sep_token", "[SEP]"},
             {"pad_token", "[PAD]"},
             {"cls_token", "[CLS]"},
             {"mask_token", "[MASK]"}};
  NamedTokens tokens;
  for (const char* role : kRoles) {
    const auto name = names.find(role);
    tokens.roles.emplace_back(role, name == names.end() ? std::nullopt : std::optional(plain(name->second)));
  }
  return tokens;
}

/// Reads a name, or an object with flags. With `special`, an object is special even without that flag.
AddedToken read_special(const JsonReader& reader, const std::string& key, const json& value, bool special) {
  if (value.is_string()) return plain(value);
  if (!value.is_object() || !value.contains("content"))
    reader.fail(fmt::format("'{}' is neither a token nor an object with its content", key));
  return read_added_token(reader, value, -1, special || reader.flag(value, "special", false));
}

constexpr const char* kExtra = "extra_special_tokens";

/// "image_token" and similar: a special token with a role that only its model uses.
bool is_other_role(const std::string& key, const json& value, const NamedTokens& tokens) {
  if (!key.ends_with("_token") || !(value.is_string() || value.contains("content"))) return false;
  return std::ranges::none_of(tokens.roles, [&](const auto& role) { return role.first == key; });
}

using Tokens = std::vector<AddedToken>;

/// extra_special_tokens, and additional_special_tokens, which are used only without extra ones.
struct Lists {
  std::optional<Tokens> extra, additional;
};

/// Reads a list of tokens, or an object that maps names to tokens.
std::optional<Tokens> read_list(const JsonReader& reader, const char* key, bool map) {
  const auto list = reader.root().find(key);
  if (list == reader.root().end() || list->is_null()) return {};
  if (!list->is_structured()) reader.fail(fmt::format("'{}' is not a list of tokens", key));
  Tokens tokens;
  for (const json& value : *list) tokens.push_back(read_special(reader, key, value, map));
  return tokens;
}

/// In tokenizer_config.json the additional tokens replace missing or empty extra ones; the extra ones of
/// special_tokens_map.json (`map`) follow them, except that an object or null there replaces a list. Extra
/// tokens in an object have roles that only their model uses.
void overlay_lists(const JsonReader& reader, bool map, Lists& lists, Tokens& others) {
  auto extra = read_list(reader, kExtra, map), additional = read_list(reader, "additional_special_tokens", map);
  const bool moved = !map && additional && (!extra || extra->empty());
  if (moved) extra = std::exchange(additional, std::nullopt);
  if (additional) lists.additional = std::move(additional);
  const auto given = reader.root().find(kExtra);
  if (!moved && given == reader.root().end()) return;
  if (!moved && given->is_object()) {
    others.insert(others.end(), extra->begin(), extra->end());
    lists.extra.reset();
    return;
  }
  if (!lists.extra || !extra) lists.extra.emplace();
  if (extra) lists.extra->insert(lists.extra->end(), extra->begin(), extra->end());
}

/// In special_tokens_map.json (`map`) a token is special when its flags are read, so its default is not
/// normalized.
void overlay(const JsonReader& reader, bool map, NamedTokens& tokens, Lists& lists) {
  const json& root = reader.root();
  for (auto& [key, token] : tokens.roles) {
    if (!root.contains(key)) continue;
    token.reset();
    if (root[key].is_null()) continue;
    token = read_special(reader, key, root[key], map);
    token->special = true;
  }
  for (const auto& [key, value] : root.items())
    if (is_other_role(key, value, tokens)) tokens.others.push_back(read_special(reader, key, value, map));
  overlay_lists(reader, map, lists, tokens.others);
}

/// Reads tokenizer_config.json, then special_tokens_map.json.
void overlay_files(const fs::path& dir, NamedTokens& tokens, Lists& lists) {
  if (const auto config = JsonReader::settings(dir / "tokenizer_config.json")) {
    overlay(*config, false, tokens, lists);
    tokens.decoder = config->root().contains("added_tokens_decoder");
    if (tokens.decoder) return;
  }
  if (const auto map = JsonReader::settings(dir / "special_tokens_map.json")) overlay(*map, true, tokens, lists);
}

}  // namespace

SpecialNames NamedTokens::names() const {
  SpecialNames out;
  for (const auto& [key, token] : roles)
    if (token) out[key] = token->content;
  return out;
}

NamedTokens named_tokens(const fs::path& dir, TokenizerClass kind) {
  NamedTokens tokens = class_tokens(kind);
  Lists lists;
  overlay_files(dir, tokens, lists);
  tokens.extra = lists.extra ? *lists.extra : lists.additional.value_or(Tokens{});
  return tokens;
}

}  // namespace filigree::data
