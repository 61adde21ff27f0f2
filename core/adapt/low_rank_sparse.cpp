#include "core/adapt/low_rank_sparse.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <utility>

#include "core/error.h"

namespace filigree::adapt {
namespace {

using nn::Reindex;
using nn::Role;

/// New number of each old one under `index`; -1 for those that are not kept.
at::Tensor renumbering(int64_t old_size, const at::Tensor& index) {
  at::Tensor numbers = at::full({old_size}, -1, index.options());
  numbers.index_copy_(0, index, at::arange(index.numel(), index.options()));
  return numbers;
}

at::Tensor delta_of(Update update) {
  if (update.u.defined()) update.u = update.u.to(at::kFloat), update.v = update.v.to(at::kFloat);
  if (update.sparse.values.defined()) update.sparse.values = update.sparse.values.to(at::kFloat);
  return dense_update(update);
}

}  // namespace

void Factors::fill(Update& update) const {
  update.u = u->value;
  update.v = v->value;
}

std::vector<Reindex> Factors::shrink(int64_t dim, const at::Tensor& index) const {
  return {dim == 0 ? nn::reindex(u, 0, index) : nn::reindex(v, 1, index)};
}

void SparseEntries::fill(Update& update) const { update.sparse = {rows->value, cols->value, values->value, out, in}; }

std::vector<Reindex> SparseEntries::shrink(int64_t dim, const at::Tensor& index) {
  FG_CHECK(dim == 0 || dim == 1, "a matrix has no dimension {}", dim);
  const nn::ParameterPtr& places = dim == 0 ? rows : cols;
  int64_t& size = dim == 0 ? out : in;
  const at::Tensor local = index.to(places->value.device());
  const at::Tensor numbers = renumbering(size, local).index_select(0, places->value);
  const at::Tensor kept = numbers.ge(0).nonzero().view({-1});
  std::vector<Reindex> done;
  done.push_back(nn::reindex(values, 0, kept));
  nn::reindex(rows, 0, kept);
  nn::reindex(cols, 0, kept);
  places->value = numbers.index_select(0, kept);
  size = index.numel();
  return done;
}

void SparseEntries::take_shapes(const std::function<at::Tensor(const std::string&)>& saved) const {
  for (const nn::ParameterPtr& parameter : {rows, cols, values}) {
    const int64_t n = saved(parameter->name).numel();
    if (n == parameter->value.numel()) continue;
    parameter->value = at::zeros({n}, parameter->value.options()).set_requires_grad(parameter->trainable());
    parameter->logical_shape = {n};
  }
}

Factors add_factors(nn::ParameterTable& table, const std::string& linear, int64_t out, const at::Tensor& v) {
  Factors factors;
  factors.u = table.add(linear + ".lora_U", at::zeros({out, v.size(0)}, v.options()), Role::trainable);
  factors.v = table.add(linear + ".lora_V", v, Role::trainable);
  return factors;
}

SparseEntries add_entries(nn::ParameterTable& table, const std::string& linear, int64_t out, int64_t in,
                          const at::Tensor& rows, const at::Tensor& cols) {
  FG_CHECK(rows.numel() == cols.numel(), "{} rows for {} columns", rows.numel(), cols.numel());
  SparseEntries entries;
  entries.rows = table.add(linear + ".sparse_rows", rows, Role::buffer);
  entries.cols = table.add(linear + ".sparse_cols", cols, Role::buffer);
  entries.values = table.add(linear + ".sparse_values", at::zeros({rows.numel()}, rows.options().dtype(at::kFloat)),
                             Role::trainable);
  entries.out = out;
  entries.in = in;
  return entries;
}

Update LowRank::update() const {
  Update update;
  update.scale = scale_;
  factors_.fill(update);
  return update;
}

Update SparseDelta::update() const {
  Update update;
  update.scale = scale_;
  entries_.fill(update);
  return update;
}

Update LowRankSparse::update() const {
  Update update;
  update.scale = scale_;
  factors_.fill(update);
  entries_.fill(update);
  return update;
}

at::Tensor LowRank::forward(const at::Tensor& x, const at::Tensor& y) const { return apply_update(x, y, update()); }
at::Tensor SparseDelta::forward(const at::Tensor& x, const at::Tensor& y) const { return apply_update(x, y, update()); }
at::Tensor LowRankSparse::forward(const at::Tensor& x, const at::Tensor& y) const {
  return apply_update(x, y, update());
}

at::Tensor LowRank::delta() const { return delta_of(update()); }
at::Tensor SparseDelta::delta() const { return delta_of(update()); }
at::Tensor LowRankSparse::delta() const { return delta_of(update()); }

std::vector<nn::ParameterPtr> LowRankSparse::parameters() const {
  return {factors_.u, factors_.v, entries_.values, entries_.rows, entries_.cols};
}

std::vector<Reindex> LowRankSparse::shrink(int64_t dim, const at::Tensor& index) {
  std::vector<Reindex> done = factors_.shrink(dim, index);
  for (Reindex& record : entries_.shrink(dim, index)) done.push_back(std::move(record));
  return done;
}

}  // namespace filigree::adapt
