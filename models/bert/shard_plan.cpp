// Model::shard_plan() of model.h.
#include "models/bert/model.h"

namespace filigree::models::bert {

std::vector<nn::ShardRule> Model::shard_plan() const { return encoder_shard_plan("cls.predictions.decoder"); }

}  // namespace filigree::models::bert
