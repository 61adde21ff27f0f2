#pragma once
// The state map of BERT and RoBERTa: names with or without the family's prefix, LayerNorm.gamma/beta of old files, a
// task head that is new, a masked-LM decoder that is tied or not and whose bias has one of two names.
#include <string>
#include <vector>

#include "models/common/encoder_config.h"
#include "models/common/fill.h"

namespace filigree::models {

struct EncoderNames {
  std::vector<std::string> fresh;    ///< starts of the names that a file may lack
  std::vector<std::string> nothing;  ///< tensors of a file that are no part of any model here
  std::string decoder;               ///< of masked LM, without ".weight"
  std::string decoder_bias;          ///< of masked LM; a file may have it as the decoder's bias
};

/// Takes from the weights what config.json leaves open: whether the decoder is tied. DataError when the weights have
/// fewer layers than config.json says.
void consult_weights(const Weights& weights, const EncoderNames& names, const std::string& file, EncoderConfig& config,
                     LoadReport& report);

StateMap encoder_state_map(const EncoderConfig& config, EncoderNames names);

}  // namespace filigree::models
