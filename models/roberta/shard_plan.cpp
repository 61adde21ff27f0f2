// Model::shard_plan() of model.h.
#include "models/roberta/model.h"

namespace filigree::models::roberta {

std::vector<nn::ShardRule> Model::shard_plan() const { return encoder_shard_plan("lm_head.decoder"); }

}  // namespace filigree::models::roberta
