#include "core/tokenizer/files/declared_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/error.h"

namespace filigree::data {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// Adds the strings in a list and, with `objects`, the "content" of its objects.
void add_listed(const JsonReader& reader, const char* key, bool objects, std::set<std::string>& names) {
  const auto list = reader.root().find(key);
  if (list == reader.root().end() || !list->is_array()) return;
  for (const json& entry : *list)
    if (entry.is_string() || objects)
      names.insert(entry.is_string() ? entry.get<std::string>() : reader.text(entry, "content", ""));
}

/// Whether special_tokens_map.json replaces the list of tokenizer_config.json: by anything except a list.
bool replaces_list(const JsonReader& map) {
  const auto extra = map.root().find("extra_special_tokens");
  return extra != map.root().end() && !extra->is_array();
}

/// The tokens of added_tokens.json that are special because another file names them: special_tokens_map.json
/// in any form, except in its additional_special_tokens; tokenizer_config.json only as a string.
std::set<std::string> special_by_files(const fs::path& dir) {
  const auto config = JsonReader::settings(dir / "tokenizer_config.json");
  const auto map = JsonReader::settings(dir / "special_tokens_map.json");
  std::set<std::string> names;
  for (const auto& [role, token] : named_tokens(dir, TokenizerClass::file).roles) {
    const bool in_map = map && map->root().contains(role);
    if (token && (in_map || config->root()[role].is_string())) names.insert(token->content);
  }
  if (map) add_listed(*map, "extra_special_tokens", true, names);
  if (!config || (map && replaces_list(*map))) return names;
  const auto extra = config->root().find("extra_special_tokens");
  const bool has_extra = extra != config->root().end() && !extra->empty();
  add_listed(*config, has_extra ? "extra_special_tokens" : "additional_special_tokens", false, names);
  return names;
}

std::vector<AddedToken> of_decoder(const JsonReader& reader) {
  std::map<int32_t, AddedToken> by_id;
  for (const auto& [key, entry] : reader.object(reader.root(), "added_tokens_decoder").items()) {
    const int32_t id = decoder_key(reader, key, entry);
    by_id[id] = read_added_token(reader, entry, id, reader.flag(entry, "special", false));
  }
  std::vector<AddedToken> out;
  for (auto& [id, token] : by_id) out.push_back(std::move(token));
  return out;
}

std::vector<AddedToken> of_added_tokens(const fs::path& dir) {
  const JsonReader reader((dir / "added_tokens.json").string(), JsonReader::Dialect::python);
  const auto special = special_by_files(dir);
  std::map<int32_t, AddedToken> by_id;
  for (const auto& [content, value] : reader.root().items()) {
    const int32_t id = reader.id(value, fmt::format("id of token '{}'", content));
    const bool is_special = special.contains(content);
    const AddedToken token{.content = content, .id = id, .normalized = !is_special, .special = is_special};
    if (const auto [other, fresh] = by_id.emplace(id, token); !fresh)
      reader.fail(fmt::format("tokens '{}' and '{}' have the same id {}", other->second.content, content, id));
  }
  std::vector<AddedToken> out;
  for (auto& [id, token] : by_id) out.push_back(std::move(token));
  return out;
}

/// Sorted by id.
std::vector<AddedToken> declared_by_id(const fs::path& dir, const NamedTokens& named) {
  if (named.decoder) return of_decoder(*JsonReader::settings(dir / "tokenizer_config.json"));
  return fs::exists(dir / "added_tokens.json") ? of_added_tokens(dir) : std::vector<AddedToken>{};
}

/// Declared tokens, then those with a role, then the extra ones. A declared token keeps its flags, but a role
/// makes it special. Among other tokens with the same content, the first sets the position and the last sets
/// the flags.
std::vector<AddedToken> in_order(std::vector<AddedToken> tokens, const NamedTokens& named) {
  const size_t declared = tokens.size();
  std::map<std::string, size_t> place;
  for (size_t i = 0; i < declared; ++i) place.emplace(tokens[i].content, i);
  const auto add = [&](const AddedToken& token, bool has_role) {
    const auto [known, fresh] = place.emplace(token.content, tokens.size());
    if (fresh) {
      tokens.push_back(token);
    } else if (known->second < declared) {
      tokens[known->second].special |= has_role;
    } else {
      tokens[known->second] = token;
    }
  };
  for (const auto& [key, token] : named.roles)
    if (token) add(*token, true);
  for (const AddedToken& token : named.others) add(token, true);
  for (const AddedToken& token : named.extra) add(token, false);
  std::erase_if(tokens, [](const AddedToken& token) { return token.content.empty(); });
  return tokens;
}

/// Assigns the ids of new tokens: after the vocabulary and after every added token.
class NextId {
 public:
  NextId(size_t vocab_size, const TokenIds& ids, const std::vector<AddedToken>& added)
      : next_(static_cast<int32_t>(vocab_size)) {
    for (const auto& [token, id] : ids) used_.insert(id);
    for (const AddedToken& token : added) pass(token.id);
  }
  int32_t value() const { return next_; }
  bool is_free() const { return !used_.contains(next_); }
  void pass(int32_t id) {
    used_.insert(id);
    next_ = std::max(next_, id + 1);
  }

 private:
  int32_t next_;
  std::set<int32_t> used_;
};

}  // namespace

void add_declared(const fs::path& dir, const NamedTokens& named, size_t vocab_size, TokenIds& ids,
                  std::vector<AddedToken>& added) {
  NextId next(vocab_size, ids, added);
  std::map<std::string, size_t> place;
  for (size_t i = 0; i < added.size(); ++i) place.emplace(added[i].content, i);
  for (AddedToken token : in_order(declared_by_id(dir, named), named)) {
    const bool listed = place.contains(token.content);
    if (listed && (token.id < 0 || (!named.decoder && token.id == ids.at(token.content)))) continue;  // keeps its flags
    const auto [known, fresh] = ids.emplace(token.content, next.value());
    if (token.id >= 0 && token.id != known->second)
      throw DataError(fmt::format("{}: added token '{}' has id {}, but {} {}", dir.string(), token.content, token.id,
                                  fresh ? "the next id after the vocabulary is" : "its id in the vocabulary is",
                                  known->second));
    if (fresh && !next.is_free())
      throw DataError(fmt::format("{}: token '{}' is not in the vocabulary, and no id is free for it", dir.string(),
                                  token.content));
    token.id = known->second;
    next.pass(token.id);
    if (listed) {
      added[place.at(token.content)] = std::move(token);
    } else {
      place.emplace(token.content, added.size());
      added.push_back(std::move(token));
    }
  }
}

}  // namespace filigree::data
