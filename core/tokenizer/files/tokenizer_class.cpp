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
    {"BertTokenizer", TokenizerClass::bert, true},
    {"DistilBertTokenizer", TokenizerClass::bert, false},
    {"ElectraTokenizer", TokenizerClass::bert, true},
    {"LayoutLMTokenizer", TokenizerClass::bert, true},
    {"LxmertTokenizer", TokenizerClass::bert, true},
    {"MobileBertTokenizer", TokenizerClass::bert, true},
    {"SqueezeBertTokenizer", TokenizerClass::bert, true},
    {"ConvBertTokenizer", TokenizerClass::file, true},  // takes tokenizer.json as it is
    {"RobertaTokenizer", TokenizerClass::roberta, false},
    {"BartTokenizer", TokenizerClass::roberta, false},
    {"LEDTokenizer", TokenizerClass::roberta, false},
    {"LongformerTokenizer", TokenizerClass::roberta, false},
    {"MvpTokenizer", TokenizerClass::roberta, false},
    {"GPT2Tokenizer", TokenizerClass::gpt2, false},
    {"CodeGenTokenizer", TokenizerClass::gpt2, false},
    {"PreTrainedTokenizer", TokenizerClass::file, false},
    {"TokenizersBackend", TokenizerClass::file, false},
};

/// Classes of transformers with rules of their own, under which a BERT's or GPT-2's files give other ids.
constexpr std::string_view kForeign[] = {
    "AlbertTokenizer",     "BertJapaneseTokenizer",
    "BertweetTokenizer",   "BigBirdTokenizer",
    "BlenderbotTokenizer", "ByT5Tokenizer",
    "CLIPTokenizer",       "CamembertTokenizer",
    "CanineTokenizer",     "CodeLlamaTokenizer",
    "CohereTokenizer",     "DPRContextEncoderTokenizer",
    "DPRReaderTokenizer",  "DPRQuestionEncoderTokenizer",
    "DebertaTokenizer",    "DebertaV2Tokenizer",
    "DiaTokenizer",        "EsmTokenizer",
    "EsmcTokenizer",       "FNetTokenizer",
    "FunnelTokenizer",     "GPTNeoXTokenizer",
    "GemmaTokenizer",      "HerbertTokenizer",
    "LukeTokenizer",       "MBart50Tokenizer",
    "MBartTokenizer",      "MPNetTokenizer",
    "NllbTokenizer",       "OpenAIGPTTokenizer",
    "PerceiverTokenizer",  "Qwen2Tokenizer",
    "RemBertTokenizer",    "RoFormerTokenizer",
    "SplinterTokenizer",   "T5Tokenizer",
    "WhisperTokenizer",    "XGLMTokenizer",
    "XLMRobertaTokenizer", "XLNetTokenizer",
};

constexpr Known kModels[] = {
    {"align", TokenizerClass::bert, true},
    {"bark", TokenizerClass::bert, true},
    {"bert", TokenizerClass::bert, true},
    {"blip", TokenizerClass::bert, true},
    {"bros", TokenizerClass::bert, true},
    {"chinese_clip", TokenizerClass::bert, true},
    {"convbert", TokenizerClass::bert, true},
    {"distilbert", TokenizerClass::bert, true},
    {"electra", TokenizerClass::bert, true},
    {"ernie", TokenizerClass::bert, true},
    {"flava", TokenizerClass::bert, true},
    {"git", TokenizerClass::bert, true},
    {"grounding-dino", TokenizerClass::bert, true},
    {"layoutlm", TokenizerClass::bert, true},
    {"lxmert", TokenizerClass::bert, true},
    {"megatron-bert", TokenizerClass::bert, true},
    {"mobilebert", TokenizerClass::bert, true},
    {"nomic_bert", TokenizerClass::bert, true},
    {"squeezebert", TokenizerClass::bert, true},
    {"visual_bert", TokenizerClass::bert, true},
    {"bart", TokenizerClass::roberta, false},
    {"bridgetower", TokenizerClass::roberta, false},
    {"clap", TokenizerClass::roberta, false},
    {"data2vec-text", TokenizerClass::roberta, false},
    {"florence2", TokenizerClass::roberta, false},
    {"ibert", TokenizerClass::roberta, false},
    {"led", TokenizerClass::roberta, false},
    {"lilt", TokenizerClass::roberta, false},
    {"longformer", TokenizerClass::roberta, false},
    {"mra", TokenizerClass::roberta, false},
    {"mvp", TokenizerClass::roberta, false},
    {"roberta", TokenizerClass::roberta, false},
    {"roberta-prelayernorm", TokenizerClass::roberta, false},
    {"blip-2", TokenizerClass::gpt2, false},
    {"codegen", TokenizerClass::gpt2, false},
    {"gpt2", TokenizerClass::gpt2, false},
    {"gpt_neo", TokenizerClass::gpt2, false},
    {"gptj", TokenizerClass::gpt2, false},
    {"opt", TokenizerClass::gpt2, false},
    {"phi", TokenizerClass::gpt2, false},
};

template <size_t kSize>
Known find(const Known (&table)[kSize], std::string_view name) {
  const auto* found = std::ranges::find(table, name, &Known::name);
  return found == std::end(table) ? Known{name, TokenizerClass::file, false} : *found;
}

std::string text_of(const std::optional<JsonReader>& reader, const char* key) {
  return reader ? reader->text(reader->root(), key, "") : "";
}

/// The name that a file gives, without "Fast"; nullopt: it names none.
std::optional<std::string> class_in(const std::optional<JsonReader>& reader) {
  if (!reader || !reader->root().contains("tokenizer_class") || reader->root()["tokenizer_class"].is_null()) return {};
  std::string name = text_of(reader, "tokenizer_class");
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  if (std::ranges::find(kForeign, name) != std::end(kForeign))
    reader->fail(
        fmt::format("tokenizer_class {} has rules of its own, which are not supported; if tokenizer.json "
                    "describes the tokenizer completely, set tokenizer_class to PreTrainedTokenizerFast",
                    name));
  return name;
}

/// A directory that names no class is read as in the `tokenizers` package, with the type ids of its template.
Known class_of(const std::optional<std::string>& name, const std::optional<JsonReader>& model) {
  if (name) return find(kClasses, *name);
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
  auto name = class_in(tokenizer);
  if (!name) name = class_in(model);
  const Known known = class_of(name, model);
  TokenizerSettings settings;
  settings.class_name = name.value_or("");
  settings.needs_json = name && known.kind == TokenizerClass::file && !known.type_ids;
  settings.kind = known.kind;
  settings.type_ids = known.type_ids;
  if (tokenizer) read_settings(*tokenizer, settings);
  return settings;
}

}  // namespace filigree::data
