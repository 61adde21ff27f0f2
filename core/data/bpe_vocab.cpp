#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/data/bpe_files.h"
#include "core/data/special_tokens.h"
#include "core/data/text_file.h"
#include "core/error.h"

namespace filigree::data {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::vector<Merge> read_merges(const std::string& file, const TokenIds& ids) {
  const std::string text = read_text_file(file);
  std::vector<Merge> merges;
  LineReader lines(text);
  for (std::string_view line; lines.next(line);) {
    if (const std::string fault = encoding_fault(line); !fault.empty()) fail_at(file, lines.number(), fault);
    if (is_merges_head(line)) continue;
    std::string fault;
    merges.push_back(read_merge(std::string(line), ids, fault));
    if (!fault.empty()) fail_at(file, lines.number(), fault);
  }
  return merges;
}

/// tokenizer_config.json; without one, an object with no key.
struct Config {
  std::optional<JsonReader> reader;
  explicit Config(const fs::path& dir) {
    if (fs::exists(dir / "tokenizer_config.json")) reader.emplace((dir / "tokenizer_config.json").string());
  }
  bool flag(const char* key) const { return reader && reader->flag(reader->root(), key, false); }
  std::string text(const char* key) const { return reader ? reader->text(reader->root(), key, "") : ""; }
  bool contains(const char* key) const { return reader && reader->root().contains(key); }
};

/// By config.json's model_type, else by tokenizer_config.json's tokenizer_class.
BpeFamily family_of(const fs::path& dir, const Config& config) {
  const fs::path file = dir / "config.json";
  std::string type;
  if (fs::exists(file)) {
    const JsonReader reader(file.string());
    type = reader.text(reader.root(), "model_type", "");
    if (!type.empty() && type != "gpt2" && type != "roberta")
      reader.fail(fmt::format("vocab.json of model_type '{}' is not known here; gpt2 and roberta are", type));
  }
  const std::string name = config.text("tokenizer_class");
  if (type == "roberta" || (type.empty() && name.starts_with("Roberta"))) return BpeFamily::roberta;
  if (type == "gpt2" || name.starts_with("GPT2")) return BpeFamily::gpt2;
  throw DataError(fmt::format(
      "{}: its model_type, gpt2 or roberta, is wanted: the special tokens of vocab.json depend on it", file.string()));
}

void check_config(const Config& config) {
  if (!config.reader) return;
  if (config.flag("split_special_tokens")) config.reader->fail("split_special_tokens: true is not known here");
  const std::set<std::string> roles = {"bos_token", "eos_token", "unk_token", "sep_token",
                                       "pad_token", "cls_token", "mask_token"};
  for (const auto& [key, value] : config.reader->root().items())
    if (key.ends_with("_token") && !roles.contains(key) && !value.is_boolean() && !value.is_null())
      config.reader->fail(fmt::format("'{}': a special token of this name is not known here", key));
}

/// By id, as the files have it: added_tokens_decoder, else added_tokens.json.
using Declared = std::map<int32_t, AddedToken>;

/// Of added_tokens.json, those are special that the other files name.
std::set<std::string> special_by_files(const fs::path& dir) {
  const NamedTokens given = named_tokens(dir, {});
  std::set<std::string> out;
  for (const auto& [key, name] : given.names()) out.insert(name);
  for (const AddedToken& token : given.extra) out.insert(token.content);
  return out;
}

Declared declared_tokens(const fs::path& dir, const Config& config) {
  Declared out;
  if (config.contains("added_tokens_decoder")) {
    const JsonReader& reader = *config.reader;
    for (const auto& [key, entry] : reader.object(reader.root(), "added_tokens_decoder").items()) {
      const int32_t id = decoder_key(reader, key, entry);
      out[id] = read_added_token(reader, entry, id, reader.flag(entry, "special", false));
    }
  } else if (fs::exists(dir / "added_tokens.json")) {
    const JsonReader reader((dir / "added_tokens.json").string());
    const auto special = special_by_files(dir);
    for (const auto& [content, value] : reader.root().items()) {
      const int32_t id = reader.id(value, fmt::format("id of token '{}'", content));
      if (out.contains(id))
        reader.fail(fmt::format("tokens '{}' and '{}' have the same id {}", out[id].content, content, id));
      const bool is_special = special.contains(content);
      out[id] = {.content = content, .id = id, .normalized = !is_special, .special = is_special};
    }
  }
  return out;
}

/// Declared tokens by id, then those with a role, then the extra ones; a later one of the same content replaces the
/// flags of an earlier one.
std::vector<AddedToken> in_order(const Declared& declared, const NamedTokens& named) {
  std::vector<AddedToken> out;
  std::set<std::string> contents, roles;
  for (const auto& [key, token] : named.roles)
    if (token) roles.insert(token->content);
  for (const auto& [id, token] : declared) {
    contents.insert(token.content);
    out.push_back(token);
    out.back().special |= roles.contains(token.content);
  }
  for (const auto& [key, token] : named.roles)
    if (token && !contents.contains(token->content)) out.push_back(*token);
  for (const AddedToken& token : named.extra)
    if (!contents.contains(token.content)) out.push_back(token);
  return out;
}

/// A token that the vocabulary lacks gets the id after the last one. `where` names the files in messages.
std::vector<AddedToken> give_ids(const std::vector<AddedToken>& tokens, const std::string& where, TokenIds& ids) {
  std::map<std::string, AddedToken> by_content;
  std::set<int32_t> used;
  for (const auto& [token, id] : ids) used.insert(id);
  auto next = static_cast<int32_t>(ids.size());
  for (AddedToken token : tokens) {
    if (token.content.empty()) continue;
    const auto [known, fresh] = ids.emplace(token.content, next);
    if (token.id >= 0 && token.id != known->second)
      throw DataError(fmt::format("{}: added token '{}' has id {}, {} it has {}", where, token.content, token.id,
                                  fresh ? "as the next after the vocabulary" : "in the vocabulary", known->second));
    if (fresh && !used.insert(next++).second)
      throw DataError(fmt::format("{}: token '{}' is not in the vocabulary, whose ids leave none free for it", where,
                                  token.content));
    token.id = known->second;
    by_content[token.content] = token;
  }
  std::vector<AddedToken> out;
  for (auto& [content, token] : by_content) out.push_back(std::move(token));
  return out;
}

/// add_bos_token and add_eos_token around each text, those of the second text as segment 1.
Template gpt2_template(const Config& config, const SpecialIds& special) {
  using Kind = TemplatePiece::Kind;
  Template out;
  for (const int32_t segment : {0, 1}) {
    std::vector<TemplatePiece> text;
    if (config.flag("add_bos_token") && special.bos >= 0) text.push_back({Kind::tokens, {special.bos}, segment});
    text.push_back({segment == 0 ? Kind::a : Kind::b, {}, segment});
    if (config.flag("add_eos_token") && special.eos >= 0) text.push_back({Kind::tokens, {special.eos}, segment});
    if (segment == 0) out.single = text;
    out.pair.insert(out.pair.end(), text.begin(), text.end());
  }
  return out;
}

}  // namespace

BpeOptions bpe_from_vocab(const fs::path& dir) {
  const JsonReader vocab((dir / "vocab.json").string());
  const Config config(dir);
  check_config(config);
  const BpeFamily family = family_of(dir, config);
  BpeOptions options;
  TokenIds ids = read_vocab(vocab, vocab.root(), options.vocab);
  options.merges = read_merges((dir / "merges.txt").string(), ids);
  options.add_prefix_space = config.flag("add_prefix_space");
  const NamedTokens named = named_tokens(dir, family);
  options.added = give_ids(in_order(declared_tokens(dir, config), named), dir.string(), ids);
  options.special = special_ids(named.names(), ids);
  if (family == BpeFamily::roberta && (options.special.cls < 0 || options.special.sep < 0))
    throw DataError(fmt::format("{}: RoBERTa needs a cls_token and a sep_token", dir.string()));
  options.around = family == BpeFamily::roberta ? roberta_template(options.special.cls, options.special.sep)
                                                : gpt2_template(config, options.special);
  return options;
}

}  // namespace filigree::data
