#include "dist/tensor_parallel.h"

#include <ATen/ops/amax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/log.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <limits>

namespace filigree::dist {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// A graph node stores the address of its group, as an integer: saved_data has no pointers. The mesh owns the group, which
// outlives every pass.
void save(AutogradContext* ctx, Communicator& tp) { ctx->saved_data["tp"] = reinterpret_cast<int64_t>(&tp); }
Communicator& group_of(AutogradContext* ctx) {
  return *reinterpret_cast<Communicator*>(ctx->saved_data["tp"].toInt());  // NOLINT(performance-no-int-to-ptr)
}

at::Tensor summed(const at::Tensor& x, Communicator& tp, const char* phase) {
  const PhaseScope counted(tp, phase);
  tp.all_reduce(x);
  return x;
}

std::vector<at::Tensor> columns_by_rank(const at::Tensor& x, Communicator& tp, const char* phase) {
  const PhaseScope counted(tp, phase);
  return tp.all_gather_ragged(x.t().contiguous());
}

at::Tensor joined(const std::vector<at::Tensor>& columns) { return at::cat(columns).t().contiguous(); }

struct CopyTo : torch::autograd::Function<CopyTo> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, Communicator* tp) {
    save(ctx, *tp);
    return x.view_as(x);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    // The gradient may be shared with other nodes: sum into a copy.
    return {summed(grads[0].clone(at::MemoryFormat::Contiguous), group_of(ctx), "backward"), {}};
  }
};

struct ReduceFrom : torch::autograd::Function<ReduceFrom> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, Communicator* tp) {
    ctx->mark_dirty({x});
    if (x.is_contiguous()) return summed(x, *tp, "forward");
    return x.copy_(summed(x.contiguous(), *tp, "forward"));
  }
  static variable_list backward(AutogradContext*, const variable_list& grads) { return {grads[0], {}}; }
};

struct GatherFrom : torch::autograd::Function<GatherFrom> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, Communicator* tp) {
    const std::vector<at::Tensor> columns = columns_by_rank(x, *tp, "forward");
    int64_t begin = 0;
    for (int i = 0; i < tp->rank(); ++i) begin += columns[static_cast<size_t>(i)].size(0);
    ctx->saved_data["begin"] = begin;
    ctx->saved_data["width"] = x.size(1);
    return joined(columns);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    return {grads[0].narrow(1, ctx->saved_data["begin"].toInt(), ctx->saved_data["width"].toInt()), {}};
  }
};
/// The local column of each row's label; 0 for rows whose label is on another rank.
struct Targets {
  at::Tensor column, here, counted;  ///< int64 [N]; bool [N]; bool [N]: rows with a loss

  Targets(const at::Tensor& labels, int64_t begin, int64_t width, int64_t ignored) {
    counted = labels.ne(ignored);
    const at::Tensor local = labels.sub(begin);
    here = counted.logical_and(local.ge(0)).logical_and(local.lt(width));
    column = at::where(here, local, 0);
  }
};

struct VocabularyCrossEntropy : torch::autograd::Function<VocabularyCrossEntropy> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& logits, const at::Tensor& labels,
                            const Vocabulary& vocabulary, Communicator* tp) {
    const PhaseScope counted(*tp, "forward");
    const Targets targets(labels, vocabulary.begin, logits.size(1), vocabulary.ignored);
    const bool empty = logits.size(1) == 0;
    at::Tensor top = empty ? at::full({logits.size(0)}, -std::numeric_limits<float>::infinity(), logits.options())
                           : at::amax(logits, 1);
    tp->all_reduce(top, ReduceOp::max);
    const at::Tensor below = logits.sub(top.unsqueeze(1)), exponentials = below.exp();
    const at::Tensor own =
        empty ? at::zeros({logits.size(0)}, logits.options()) : below.gather(1, targets.column.unsqueeze(1)).squeeze(1);
    const double smoothing = vocabulary.smoothing, share = smoothing / static_cast<double>(vocabulary.size);
    at::Tensor wanted = at::where(targets.here, own, 0.0).mul(1 - smoothing);
    if (smoothing > 0) wanted = wanted.add(below.sum(1), share);
    at::Tensor sums = at::stack({exponentials.sum(1), wanted});
    tp->all_reduce(sums);
    ctx->saved_data["smoothing"] = smoothing;
    ctx->saved_data["share"] = share;
    ctx->save_for_backward({exponentials.div(sums[0].unsqueeze(1)), targets.column, targets.here, targets.counted});
    return at::where(targets.counted, sums[0].log().sub(sums[1]), 0.0).sum();
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const variable_list saved = ctx->get_saved_variables();
    const double smoothing = ctx->saved_data["smoothing"].toDouble(), share = ctx->saved_data["share"].toDouble();
    const at::Tensor& probabilities = saved[0];
    at::Tensor gradient = (share == 0 ? probabilities : probabilities.sub(share)).mul(saved[3].unsqueeze(1));
    if (gradient.size(1) > 0)
      gradient.scatter_add_(1, saved[1].unsqueeze(1), saved[2].to(at::kFloat).mul(smoothing - 1).unsqueeze(1));
    return {gradient.mul_(grads[0]), {}, {}, {}};
  }
};

}  // namespace

at::Tensor copy_to(const at::Tensor& x, Communicator& tp) { return tp.size() == 1 ? x : CopyTo::apply(x, &tp); }
at::Tensor reduce_from(const at::Tensor& x, Communicator& tp) { return tp.size() == 1 ? x : ReduceFrom::apply(x, &tp); }
at::Tensor gather_from(const at::Tensor& x, Communicator& tp) { return tp.size() == 1 ? x : GatherFrom::apply(x, &tp); }

at::Tensor vocabulary_cross_entropy(const at::Tensor& logits, const at::Tensor& labels, const Vocabulary& vocabulary,
                                    Communicator& tp) {
  return VocabularyCrossEntropy::apply(logits, labels, vocabulary, &tp);
}

at::Tensor redistribute(const at::Tensor& local, int64_t dim, const std::vector<IndexRange>& before,
                        const std::vector<IndexRange>& after, Communicator& tp) {
  const auto me = static_cast<size_t>(tp.rank());
  std::vector<int64_t> shape = local.sizes().vec();
  shape[static_cast<size_t>(dim)] = after[me].size();
  at::Tensor result = at::empty(shape, local.options());
  const auto part = [dim](const at::Tensor& of, const IndexRange& held, const IndexRange& lines) {
    return of.narrow(dim, lines.begin - held.begin, lines.size());
  };
  const auto send = [&](size_t to) {
    const IndexRange lines = overlap(before[me], after[to]);
    if (lines.size() > 0) tp.send(part(local.detach(), before[me], lines).contiguous(), static_cast<int>(to));
  };
  const auto receive = [&](size_t from) {
    const IndexRange lines = overlap(before[from], after[me]);
    if (lines.size() == 0) return;
    at::Tensor target = part(result, after[me], lines);
    at::Tensor buffer = at::empty(target.sizes(), target.options());
    tp.recv(buffer, static_cast<int>(from));
    target.copy_(buffer);
  };
  const IndexRange kept = overlap(before[me], after[me]);
  if (kept.size() > 0) part(result, after[me], kept).copy_(part(local.detach(), before[me], kept));
  // All ranks process the pairs in the same order, so no two of them wait for each other.
  for (size_t a = 0; a < before.size(); ++a) {
    for (size_t b = a + 1; b < before.size(); ++b) {
      if (me == a) send(b), receive(b);
      if (me == b) receive(a), send(a);
    }
  }
  return result;
}

}  // namespace filigree::dist
