#include "core/adapt/update_function.h"

#include <ATen/ops/add.h>
#include <ATen/ops/index_put.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

#include "core/error.h"

namespace filigree::adapt {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Indices of the inputs among the node's variables. Optional inputs come last, because absent ones take no index.
enum Input : size_t { kX, kY, kFactors };

struct Saved {
  Update update;  ///< u already scaled; both factors in the compute type
  at::Tensor x, xv;
};

void save(AutogradContext* ctx, const Saved& saved) {
  const SparseMatrix& sparse = saved.update.sparse;
  ctx->save_for_backward({saved.x, saved.xv, saved.update.u, saved.update.v, sparse.rows, sparse.cols, sparse.values});
  ctx->saved_data["scale"] = saved.update.scale;
  ctx->saved_data["sparse_scale"] = saved.update.sparse_scale;
  ctx->saved_data["out"] = sparse.out;
  ctx->saved_data["in"] = sparse.in;
}

Saved load(AutogradContext* ctx) {
  const variable_list saved = ctx->get_saved_variables();
  Saved state;
  state.x = saved[0];
  state.xv = saved[1];
  state.update.u = saved[2];
  state.update.v = saved[3];
  state.update.sparse = {saved[4], saved[5], saved[6], ctx->saved_data["out"].toInt(), ctx->saved_data["in"].toInt()};
  state.update.scale = ctx->saved_data["scale"].toDouble();
  state.update.sparse_scale = ctx->saved_data["sparse_scale"].toDouble();
  return state;
}

struct UpdateFunction : torch::autograd::Function<UpdateFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, at::Tensor y, const std::optional<at::Tensor>& u,
                            const std::optional<at::Tensor>& v, const std::optional<at::Tensor>& values,
                            const Update& update) {
    const at::ScalarType compute = x.scalar_type();
    Saved saved{update, x.contiguous(), {}};
    ctx->saved_data["u_type"] = static_cast<int64_t>(u ? u->scalar_type() : compute);
    ctx->saved_data["low_rank"] = u.has_value();
    ctx->saved_data["has_sparse"] = values.has_value();
    if (u) {
      saved.update.u = at::mul(*u, update.scale).to(compute);
      saved.update.v = v->to(compute);
      saved.xv = at::mm(saved.x, saved.update.v.t());
      y.addmm_(saved.xv, saved.update.u.t());
    }
    if (values) add_product(y, saved.x, update.sparse, update.sparse_scale, route_on(x.device()));
    save(ctx, saved);
    ctx->mark_dirty({y});
    return y;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    const Saved saved = load(ctx);
    const Update& update = saved.update;
    const at::Tensor g = gradients[0].contiguous();
    const bool low_rank = ctx->saved_data["low_rank"].toBool(), has_sparse = ctx->saved_data["has_sparse"].toBool();
    const auto master = static_cast<at::ScalarType>(ctx->saved_data["u_type"].toInt());
    const size_t values_place = low_rank ? kFactors + 2 : kFactors;
    at::Tensor dx, du, dv, dvalues, gu;
    if (low_rank) gu = at::mm(g, update.u);
    if (ctx->needs_input_grad(kX)) {
      dx = low_rank ? at::mm(gu, update.v) : at::zeros_like(saved.x);
      if (has_sparse) add_product(dx, g, update.sparse.transposed(), update.sparse_scale, route_on(g.device()));
    }
    if (low_rank && ctx->needs_input_grad(kFactors)) du = at::mm(g.t(), saved.xv).to(master).mul_(update.scale);
    if (low_rank && ctx->needs_input_grad(kFactors + 1)) dv = at::mm(gu.t(), saved.x).to(master);
    if (has_sparse && ctx->needs_input_grad(values_place))
      dvalues = value_gradients(g, saved.x, update.sparse, update.sparse_scale, route_on(g.device()));
    return {dx, g, du, dv, dvalues, at::Tensor()};
  }
};

}  // namespace

at::Tensor apply_update(const at::Tensor& x, const at::Tensor& y, const Update& update) {
  FG_CHECK(x.scalar_type() == y.scalar_type(), "an adapter's input and output differ in type");
  std::optional<at::Tensor> u, v, values;
  if (update.u.defined()) u = update.u, v = update.v;
  if (update.sparse.values.defined()) values = update.sparse.values;
  return UpdateFunction::apply(x, y, u, v, values, update);
}

at::Tensor dense_update(const Update& update) {
  at::Tensor dense;
  if (update.u.defined()) dense = at::mm(update.u.to(at::kFloat), update.v.to(at::kFloat)).mul(update.scale);
  if (!update.sparse.values.defined()) return dense;
  const SparseMatrix& sparse = update.sparse;
  at::Tensor values = sparse.values.to(at::kFloat);
  if (update.sparse_scale != 1.0) values = values.mul(update.sparse_scale);
  at::Tensor s2 = at::zeros({sparse.out, sparse.in}, values.options().requires_grad(false));
  s2.index_put_({sparse.rows, sparse.cols}, values);
  return dense.defined() ? at::add(dense, s2) : s2;
}

}  // namespace filigree::adapt
