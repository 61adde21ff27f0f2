#pragma once
// The state map of BERT and RoBERTa. It handles names with or without the family's prefix, LayerNorm.gamma/beta of
// old files, a newly initialized task head, and a masked-LM decoder that is tied or not and whose bias has one of two
// names.
#include <string>
#include <vector>

#include "models/common/encoder_config.h"
#include "models/common/fill.h"

namespace filigree::models {

struct EncoderNames {
  std::vector<std::string> may_be_missing;  ///< prefixes of the names that a file may lack
  std::vector<std::string> nothing;         ///< tensors of a file that no model here uses
  std::string decoder;                      ///< of masked LM, without ".weight"
  std::string decoder_bias;                 ///< of masked LM; a file may store it as the decoder's bias
};

/// Takes from the weights what config.json leaves open: whether the decoder is tied. Throws DataError when the weights
/// have fewer layers than config.json.
void consult_weights(const Weights& weights, const EncoderNames& names, const std::string& file, EncoderConfig& config,
                     LoadReport& report);

StateDictAdapter encoder_state_map(const EncoderConfig& config, EncoderNames names);

}  // namespace filigree::models
