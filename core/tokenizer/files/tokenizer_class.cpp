#include "core/tokenizer/files/tokenizer_class.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "core/text/json_reader.h"

namespace filigree::data {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

struct Known {
  std::string_view name;
  TokenizerClass kind;
  bool type_ids;
};

constexpr Known kClasses[] = {
    {"BertTokenizer", TokenizerClass::bert, true},           {"ElectraTokenizer", TokenizerClass::bert, true},
    {"MobileBertTokenizer", TokenizerClass::bert, true},     {"ConvBertTokenizer", TokenizerClass::bert, true},
    {"SqueezeBertTokenizer", TokenizerClass::bert, true},    {"DistilBertTokenizer", TokenizerClass::bert, false},
    {"RobertaTokenizer", TokenizerClass::roberta, false},    {"BartTokenizer", TokenizerClass::roberta, false},
    {"LongformerTokenizer", TokenizerClass::roberta, false}, {"GPT2Tokenizer", TokenizerClass::gpt2, false},
};

constexpr Known kModels[] = {
    {"bert", TokenizerClass::bert, true},        {"distilbert", TokenizerClass::bert, true},
    {"electra", TokenizerClass::bert, true},     {"convbert", TokenizerClass::bert, true},
    {"squeezebert", TokenizerClass::bert, true}, {"roberta", TokenizerClass::roberta, false},
    {"bart", TokenizerClass::roberta, false},    {"longformer", TokenizerClass::roberta, false},
    {"gpt2", TokenizerClass::gpt2, false},       {"gpt_neo", TokenizerClass::gpt2, false},
    {"gptj", TokenizerClass::gpt2, false},
};

template <size_t N>
Known find(const Known (&table)[N], std::string_view name) {
  const auto* found = std::ranges::find(table, name, &Known::name);
  return found == std::end(table) ? Known{name, TokenizerClass::file, false} : *found;
}

std::string text_of(const std::optional<JsonReader>& reader, const char* key) {
  return reader ? reader->text(reader->root(), key, "") : "";
}

/// A directory that names no class is read as in the `tokenizers` package, with the type ids of its template.
Known class_of(const std::optional<JsonReader>& tokenizer, const std::optional<JsonReader>& model) {
  std::string name = text_of(tokenizer, "tokenizer_class");
  if (name.empty()) name = text_of(model, "tokenizer_class");
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  if (!name.empty()) return find(kClasses, name);
  const std::string type = text_of(model, "model_type");
  return type.empty() ? Known{"", TokenizerClass::file, true} : find(kModels, type);
}

std::optional<bool> read_side(const JsonReader& reader) {
  const std::string side = reader.text(reader.root(), "truncation_side", "");
  if (side.empty()) return {};
  if (side != "left" && side != "right")
    reader.fail(fmt::format("truncation_side: unknown side '{}': use left or right", side));
  return side == "left";
}

void read_settings(const JsonReader& reader, TokenizerSettings& settings) {
  const json& root = reader.root();
  settings.lowercase = reader.flag(root, "do_lower_case", true);
  settings.chinese_chars = reader.flag(root, "tokenize_chinese_chars", true);
  settings.strip_accents = reader.optional_flag(root, "strip_accents");
  settings.add_prefix_space = reader.flag(root, "add_prefix_space", false);
  settings.split_special = reader.flag(root, "split_special_tokens", false);
  settings.truncate_left = read_side(reader);
  const auto inputs = root.find("model_input_names");
  if (inputs != root.end() && inputs->is_array())
    settings.type_ids = std::ranges::find(*inputs, json("token_type_ids")) != inputs->end();
}

}  // namespace

TokenizerSettings tokenizer_settings(const fs::path& dir) {
  const auto tokenizer = JsonReader::settings(dir / "tokenizer_config.json");
  const auto model = JsonReader::settings(dir / "config.json");
  const Known known = class_of(tokenizer, model);
  TokenizerSettings settings;
  settings.kind = known.kind;
  settings.type_ids = known.type_ids;
  if (tokenizer) read_settings(*tokenizer, settings);
  return settings;
}

}  // namespace filigree::data
