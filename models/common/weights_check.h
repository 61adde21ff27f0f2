#pragma once
// What the weights of a directory say about its configuration, before a model is built.
#include <string>
#include <vector>

#include "models/common/config_reader.h"
#include "models/common/fill.h"

namespace filigree::models {

/// DataError when config.json asks for more layers than the weights have. `key`: of their number in config.json;
/// `marker`: what stands before a layer's number in the names ("encoder.layer.").
void check_layers(const ConfigReader& in, const Weights& weights, const char* key, int64_t layers,
                  const std::string& marker);

/// A decoder over the vocabulary and the table of the words, under each name that files use.
struct DecoderNames {
  std::vector<std::string> words, decoder;
};

/// Whether the decoder is tied to the table of the words. As transformers 5 has it: where config.json ties them and the
/// files hold two different matrices, both are kept; said in report.notes.
bool is_tied(bool in_config, const Weights& weights, const DecoderNames& names, LoadReport& report);

}  // namespace filigree::models
