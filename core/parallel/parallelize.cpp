#include "core/parallel/parallelize.h"

#include <map>
#include <memory>
#include <ranges>
#include <set>
#include <string_view>

#include "core/error.h"
#include "dist/tensor_parallel.h"

namespace filigree::train {
namespace {

using nn::Shard;

/// How the plan splits the linear or embedding `name`.
Shard shard_of(const std::vector<nn::ShardRule>& plan, const std::string& name) {
  for (const nn::ShardRule& rule : plan)
    if (matches(rule.pattern, name)) return rule.shard;
  return Shard::replicate;
}

std::string stem(const std::string& weight) { return weight.substr(0, weight.rfind('.')); }

void keep_slice(nn::Parameter& parameter, int64_t dim, const nn::Slice& slice) {
  if (parameter.placement.split(dim)) return;  // already cut: a table shared by an embedding and a decoder
  parameter.placement = {dim, slice};
  parameter.set_value(parameter.value().narrow(dim, slice.begin, slice.size()));
}

void cut_group(nn::StructureGroup& group, const std::vector<nn::ShardRule>& plan, int64_t rank, int64_t size) {
  group.shares = group.even_shares(static_cast<size_t>(size));
  group.rank = static_cast<size_t>(rank);
  const nn::Slice lines = group.lines(group.share());
  for (const nn::StructureMember& member : group.members) {
    const Shard shard = shard_of(plan, member.linear->name());
    FG_CHECK(shard == (member.dim == 0 ? Shard::column : Shard::row),
             "the shard plan splits {} differently than its units", member.linear->name());
    keep_slice(*member.linear->weight(), member.dim, lines);
    if (member.dim == 0 && member.linear->bias()) keep_slice(*member.linear->bias(), 0, lines);
  }
}

void cut_table(nn::Parameter& table, int64_t rank, int64_t size) {
  keep_slice(table, 0, dist::even_part(table.logical_shape[0], rank, size));
}

/// One copy_to per pass for the linears with the same input: the first creates it, the last releases it.
class SharedCopy {
 public:
  SharedCopy(dist::Communicator& tp, int64_t users) : tp_(tp), users_(users) {}
  at::Tensor operator()(const at::Tensor& x) {
    if (!input_.is_same(x)) {
      input_ = x;
      copy_ = dist::copy_to(x, tp_);
      uses_ = 0;
    }
    const at::Tensor copy = copy_;
    if (++uses_ == users_) input_ = copy_ = at::Tensor();
    return copy;
  }

 private:
  dist::Communicator& tp_;
  int64_t users_;
  int64_t uses_ = 0;
  at::Tensor input_, copy_;
};

void connect_group(nn::StructureGroup& group, dist::Communicator& tp) {
  std::vector<nn::Linear*> columns;
  for (const nn::StructureMember& member : group.members) {
    if (member.dim == 0) {
      columns.push_back(member.linear);
    } else {
      member.linear->output_hook = [&tp](const at::Tensor& y) { return dist::reduce_from(y, tp); };
    }
  }
  const auto shared = std::make_shared<SharedCopy>(tp, static_cast<int64_t>(columns.size()));
  for (nn::Linear* linear : columns) linear->input_hook = [shared](const at::Tensor& x) { return (*shared)(x); };
}

void connect_decoder(nn::Model& model, nn::Linear& decoder, dist::Communicator& tp) {
  decoder.input_hook = [&tp](const at::Tensor& x) { return dist::copy_to(x, tp); };
  const nn::ParameterPtr table = decoder.weight();
  model.token_output.loss = [table, &tp](const at::Tensor& logits, const at::Tensor& labels, double smoothing) {
    const dist::Vocabulary vocabulary{table->placement.slice.begin, table->logical_shape[0], nn::ops::kIgnoredLabel,
                                      smoothing};
    return dist::vocabulary_cross_entropy(logits, labels, vocabulary, tp);
  };
  model.token_output.gather = [&tp](const at::Tensor& logits) { return dist::gather_from(logits, tp); };
}

}  // namespace

bool matches(const std::string& pattern, const std::string& name) {
  const auto words = [](const std::string& text) { return text | std::views::split('.'); };
  const auto same = [](const auto& a, const auto& b) {
    const std::string_view wanted(a.begin(), a.end()), word(b.begin(), b.end());
    return wanted == "*" || wanted == word;
  };
  return std::ranges::equal(words(pattern), words(name), same);
}

void shard_model(nn::Model& model, int64_t rank, int64_t size) {
  const std::vector<nn::ShardRule> plan = model.shard_plan();
  for (nn::StructureGroup& group : model.structures()) cut_group(group, plan, rank, size);
  for (nn::Embedding* embedding : model.embeddings())
    if (shard_of(plan, stem(embedding->weight()->name)) == Shard::vocab) cut_table(*embedding->weight(), rank, size);
  for (nn::Linear* linear : model.linears()) {
    if (shard_of(plan, linear->name()) != Shard::vocab) continue;
    cut_table(*linear->weight(), rank, size);
    if (linear->bias()) cut_table(*linear->bias(), rank, size);
  }
}

void install_tp_hooks(nn::Model& model, dist::Communicator& tp) {
  const std::vector<nn::ShardRule> plan = model.shard_plan();
  for (nn::StructureGroup& group : model.structures()) connect_group(group, tp);
  for (nn::Embedding* embedding : model.embeddings())
    if (embedding->weight()->placement.split(0))
      embedding->output_hook = [&tp](const at::Tensor& rows) { return dist::reduce_from(rows, tp); };
  for (nn::Linear* linear : model.linears())
    if (shard_of(plan, linear->name()) == Shard::vocab) connect_decoder(model, *linear, tp);
}

}  // namespace filigree::train
