#include "core/nn/ops/attention.h"

#include <ATen/ops/add.h>

#include "core/error.h"
#include "core/nn/ops/kernels.h"
#include "core/nn/ops/saved_dropout.h"

namespace filigree::nn::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Saves only q, k and v. The probabilities would be most of a layer's memory, so backward recomputes them.
struct FusedAttention : torch::autograd::Function<FusedAttention> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionLayout& layout, const Dropout& dropout) {
    ctx->save_for_backward({q, k, v});
    ctx->saved_data["offsets"] = layout.offsets;
    ctx->saved_data["heads"] = layout.heads;
    ctx->saved_data["causal"] = layout.causal;
    save(ctx, dropout);
    return attention_kernel(q, k, v, layout, dropout);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const variable_list saved = ctx->get_saved_variables();
    const AttentionLayout layout{ctx->saved_data["offsets"].toIntVector(), ctx->saved_data["heads"].toIntVector(),
                                 ctx->saved_data["causal"].toBool()};
    AttentionGradients gradients =
        attention_backward_kernel(grads[0], saved[0], saved[1], saved[2], layout, saved_dropout(ctx));
    return {gradients.q, gradients.k, gradients.v, {}, {}};
  }
};

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionLayout& layout,
                     const Dropout& dropout) {
  const auto& [offsets, heads, causal] = layout;
  FG_CHECK(!offsets.empty() && offsets.back() == q.size(0), "attention over {} rows with offsets up to {}", q.size(0),
           offsets.empty() ? 0 : offsets.back());
  // No elements; the sum keeps q, k and v in the graph, so that their gradients arrive where they are awaited.
  if (heads.empty() || q.size(0) == 0) return at::add(at::add(q, k), v);
  FG_CHECK(q.size(1) % static_cast<int64_t>(heads.size()) == 0, "{} channels do not divide into {} heads", q.size(1),
           heads.size());
  if (has_kernel(q)) return FusedAttention::apply(q, k, v, layout, dropout);
  return padded_attention(q, k, v, layout, dropout);
}

}  // namespace filigree::nn::ops
