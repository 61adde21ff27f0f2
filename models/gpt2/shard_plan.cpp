// Model::shard_plan() of model.h.
#include "models/gpt2/model.h"

namespace filigree::models::gpt2 {

// As in the encoders: the two sides of a pair are sharded by columns and by rows, so that one all-reduce is enough.
std::vector<nn::ShardRule> Model::shard_plan() const {
  using nn::Shard;
  return {{"transformer.wte", Shard::vocab},           {"transformer.h.*.attn.query", Shard::column},
          {"transformer.h.*.attn.key", Shard::column}, {"transformer.h.*.attn.value", Shard::column},
          {"transformer.h.*.attn.c_proj", Shard::row}, {"transformer.h.*.mlp.c_fc", Shard::column},
          {"transformer.h.*.mlp.c_proj", Shard::row},  {"lm_head", Shard::vocab}};
}

}  // namespace filigree::models::gpt2
