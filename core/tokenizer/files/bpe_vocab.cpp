// bpe_from_vocab() of tokenizer_files.h.
#include <fmt/format.h>

#include "core/error.h"
#include "core/text/text_file.h"
#include "core/tokenizer/files/bpe_files.h"
#include "core/tokenizer/files/declared_tokens.h"

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

/// tokenizer_config.json; without one, all flags are false.
struct Config {
  std::optional<JsonReader> reader;
  explicit Config(const fs::path& dir) : reader(JsonReader::settings(dir / "tokenizer_config.json")) {}
  bool flag(const char* key) const { return reader && reader->flag(reader->root(), key, false); }
};

void check_class(const fs::path& dir, const TokenizerSettings& settings) {
  if (is_bpe(settings.kind)) return;
  const fs::path file = dir / "config.json";
  if (const auto reader = JsonReader::settings(file)) {
    const std::string type = reader->text(reader->root(), "model_type", "");
    if (!type.empty())
      reader->fail(fmt::format("vocab.json of model_type '{}' is not supported; only gpt2 and roberta are", type));
  }
  throw DataError(fmt::format(
      "{}: model_type gpt2 or roberta is required: the special tokens of vocab.json depend on it", file.string()));
}

/// BOS and EOS around each text, if add_bos_token and add_eos_token are set; segment 1 for the second text.
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

BpeOptions bpe_from_vocab(const fs::path& dir, const TokenizerSettings& settings) {
  const JsonReader vocab((dir / "vocab.json").string());
  const Config config(dir);
  check_class(dir, settings);
  BpeOptions options;
  TokenIds ids = read_vocab(vocab, vocab.root(), options.vocab);
  options.merges = read_merges((dir / "merges.txt").string(), ids);
  options.add_prefix_space = settings.add_prefix_space;
  const NamedTokens named = named_tokens(dir, settings.kind);
  add_declared(dir, named, options.vocab.size(), ids, options.added);
  options.parts.special = special_ids(named.names(), ids);
  const bool roberta = settings.kind == TokenizerClass::roberta;
  options.parts.around =
      roberta ? roberta_template(dir, options.parts.special) : gpt2_template(config, options.parts.special);
  return options;
}

}  // namespace filigree::data
