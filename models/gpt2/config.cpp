#include "models/gpt2/config.h"

#include "models/common/config_reader.h"

namespace filigree::models::gpt2 {
namespace {

void read_sizes(const ConfigReader& in, Config& config) {
  config.vocab_size = in.size("vocab_size", config.vocab_size);
  config.hidden = in.size("n_embd", config.hidden);
  config.layers = in.size("n_layer", config.layers, ConfigReader::kMaxLayers);
  config.heads = in.size("n_head", config.heads);
  config.inner = in.size("n_inner", 4 * config.hidden);
  config.max_positions = in.size("n_positions", config.max_positions);
  config.norm_eps = in.number("layer_norm_epsilon", config.norm_eps, 0, 1);
  config.initializer_range = in.number("initializer_range", config.initializer_range, 0, 10);
  if (config.hidden % config.heads != 0)
    in.refuse("{} {} is not a multiple of {} {}", in.name_of("n_embd"), config.hidden, in.name_of("n_head"),
              config.heads);
  check_units(in, "n_layer", config.layers, "n_head", config.heads);
  check_units(in, "n_layer", config.layers, "n_inner", config.inner);
}

void read_dropout(const ConfigReader& in, Config& config, const ModelOptions& options) {
  const auto read = [&](const char* key, double fallback) {
    return options.dropout.value_or(in.dropout(key, fallback));
  };
  config.embedding_dropout = read("embd_pdrop", config.embedding_dropout);
  config.attention_dropout = read("attn_pdrop", config.attention_dropout);
  config.residual_dropout = read("resid_pdrop", config.residual_dropout);
}

void check_supported(const ConfigReader& in, const ModelOptions& options) {
  refuse_unsupported(in);
  in.refuse_if_set("scale_attn_by_inverse_layer_idx", "attention scores scaled by layer index are not supported");
  if (!in.flag("scale_attn_weights", true))
    in.refuse("scale_attn_weights is false: unscaled attention scores are not supported");
  if (options.task == Task::masked_lm) in.refuse("model.task: masked_lm needs an encoder; gpt2 supports causal_lm");
}

std::optional<int64_t> end_of_text(const ConfigReader& in, const Config& config) {
  constexpr int64_t kDefault = 50256;  // of GPT2Config, if the key is missing
  const nlohmann::json* given = in.find("eos_token_id");
  if (given != nullptr && given->is_array() && !given->empty()) given = &given->front();
  if (given == nullptr && config.json.contains("eos_token_id")) return {};  // null
  if (given != nullptr && !given->is_number_integer())
    in.refuse("eos_token_id must be a whole number or a list of them, not {}", given->dump());
  const int64_t id = given == nullptr ? kDefault : given->get<int64_t>();
  return id >= 0 && id < config.vocab_size ? std::optional(id) : std::nullopt;
}

}  // namespace

const KeyNames& key_names() {
  static const KeyNames names{{"n_embd", "hidden_size"},
                              {"n_layer", "num_hidden_layers"},
                              {"n_head", "num_attention_heads"},
                              {"n_positions", "max_position_embeddings"}};
  return names;
}

Config parse_config(const nlohmann::json& source, const std::string& file, const ModelOptions& options) {
  const ConfigReader in(source, file, key_names());
  Config config;
  config.json = source;
  config.task = options.task;
  read_sizes(in, config);
  read_dropout(in, config, options);
  check_supported(in, options);
  config.activation = in.activation("activation_function", "gelu_new");
  config.tied = in.flag("tie_word_embeddings", true);
  const Labels labels = read_labels(in, options, config.num_labels, config.json);
  config.num_labels = labels.count;
  config.head = labels.fit;
  if (in.find("pad_token_id") != nullptr) config.padding = in.integer("pad_token_id", 0, INT32_MIN, INT32_MAX);
  config.end_of_text = end_of_text(in, config);
  if (const int64_t width = unpruned_width(in, config.inner, config.layers); width != config.inner)
    config.json["n_inner"] = config.inner = width;
  config.kept_heads = read_kept(in, "heads", config.layers, config.heads);
  config.kept_neurons = read_kept(in, "neurons", config.layers, config.inner);
  config.json.erase("filigree");
  return config;
}

}  // namespace filigree::models::gpt2
