#include "models/bert/model.h"

namespace filigree::models::bert {

// The two linears of a pair (query/key/value -> attention output, FFN in -> FFN out) are cut the two conjugate ways, so
// that one all-reduce a pair joins them.
std::vector<nn::ShardRule> Model::shard_plan() const {
  using nn::Shard;
  return {{"bert.embeddings.word_embeddings", Shard::vocab},
          {"bert.encoder.layer.*.attention.self.query", Shard::column},
          {"bert.encoder.layer.*.attention.self.key", Shard::column},
          {"bert.encoder.layer.*.attention.self.value", Shard::column},
          {"bert.encoder.layer.*.attention.output.dense", Shard::row},
          {"bert.encoder.layer.*.intermediate.dense", Shard::column},
          {"bert.encoder.layer.*.output.dense", Shard::row},
          {"cls.predictions.decoder", Shard::vocab}};
}

}  // namespace filigree::models::bert
