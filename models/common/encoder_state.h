#pragma once
// The state map of BERT and RoBERTa: names with or without the family's prefix, LayerNorm.gamma/beta of old files, a
// task head that is new.
#include <string>
#include <vector>

#include "models/common/encoder_config.h"
#include "models/common/fill.h"

namespace filigree::models {

struct EncoderNames {
  std::vector<std::string> fresh;    ///< starts of the names that a file may lack
  std::vector<std::string> nothing;  ///< tensors of a file that carry nothing of their own (tied copies)
};

StateMap encoder_state_map(const EncoderConfig& config, EncoderNames names);

}  // namespace filigree::models
