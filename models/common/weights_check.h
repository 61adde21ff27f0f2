#pragma once
// Checks a directory's weights against its configuration before a model is built.
#include <string>
#include <vector>

#include "models/common/config_reader.h"
#include "models/common/fill.h"

namespace filigree::models {

/// Throws DataError when config.json has more layers than the weights. `key`: the key of the layer count in
/// config.json; `marker`: the text before a layer's index in tensor names ("encoder.layer.").
void check_layers(const ConfigReader& in, const Weights& weights, const char* key, int64_t layers,
                  const std::string& marker);

/// All names that files use for the word embeddings and for the decoder over the vocabulary.
struct DecoderNames {
  std::vector<std::string> words, decoder;
};

/// Whether the decoder is tied to the word embeddings. As in transformers 5, if config.json ties them but the files
/// hold two different matrices, both are kept, with a note in report.notes.
bool is_tied(bool in_config, const Weights& weights, const DecoderNames& names, LoadReport& report);

}  // namespace filigree::models
