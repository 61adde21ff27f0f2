#include "core/adapt/low_rank_sparse.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <utility>

#include "core/adapt/followers.h"
#include "core/error.h"

namespace filigree::adapt {
namespace {

using nn::Reslice;
using nn::Role;

/// New index of each old index when only `index` is kept; -1 for those that are not kept.
at::Tensor renumbering(int64_t old_size, const at::Tensor& index) {
  at::Tensor numbers = at::full({old_size}, -1, index.options());
  numbers.index_copy_(0, index, at::arange(index.numel(), index.options()));
  return numbers;
}

}  // namespace

void Factors::fill(Update& update) const {
  update.u = u->value();
  update.v = v->value();
}

const SparseEntries::Own& SparseEntries::own() const {
  const auto version = static_cast<int64_t>(rows->value()._version() + cols->value()._version());
  if (own_.of_rows.is_same(rows->value()) && own_.of_cols.is_same(cols->value()) && own_.version == version &&
      own_.part == part)
    return own_;
  const at::Tensor& split = part.split(0) ? rows->value() : cols->value();
  own_ = {rows->value(), cols->value(), version, part, {}, {}, {}};
  own_.entries = split.ge(part.slice.begin).logical_and(split.lt(part.slice.end)).nonzero().view({-1});
  own_.rows = rows->value().index_select(0, own_.entries).sub(part.split(0) ? part.slice.begin : 0);
  own_.cols = cols->value().index_select(0, own_.entries).sub(part.split(1) ? part.slice.begin : 0);
  return own_;
}

void SparseEntries::fill(Update& update) const {
  if (part.replicated()) {
    update.sparse = {rows->value(), cols->value(), values->value(), out, in};
    return;
  }
  const Own& here = own();
  update.sparse = {here.rows, here.cols, values->value().index_select(0, here.entries),
                   part.split(0) ? part.slice.size() : out, part.split(1) ? part.slice.size() : in};
}

std::vector<Reslice> SparseEntries::reslice(int64_t dim, const nn::AxisChange& change) {
  FG_CHECK(dim == 0 || dim == 1, "a matrix has no dimension {}", dim);
  if (!change.kept.defined()) {
    if (part.split(dim)) part.slice = change.share[change.rank];
    return {};
  }
  const nn::ParameterPtr& places = dim == 0 ? rows : cols;
  int64_t& size = dim == 0 ? out : in;
  const at::Tensor index = change.kept.to(places->value().device());
  const at::Tensor numbers = renumbering(size, index).index_select(0, places->value());
  const nn::AxisChange entries = nn::keep_indices(numbers.ge(0).nonzero().view({-1}));
  const Reslice done = nn::reslice(values, 0, entries);
  nn::reslice(rows, 0, entries);
  nn::reslice(cols, 0, entries);
  places->set_value(numbers.index_select(0, entries.kept));
  size = index.numel();
  part = nn::without(part, dim, change.kept);
  return {done};
}

void SparseEntries::take_shapes(const std::function<at::Tensor(const std::string&)>& saved) const {
  for (const nn::ParameterPtr& parameter : {rows, cols, values}) {
    const int64_t n = saved(parameter->name).numel();
    if (n == parameter->value().numel()) continue;
    parameter->set_value(at::zeros({n}, parameter->value().options()).set_requires_grad(parameter->trainable()));
    parameter->logical_shape = {n};
  }
}

Factors add_factors(nn::ParameterTable& table, nn::Linear& linear, const std::array<std::string, 2>& suffixes,
                    const at::Tensor& u, const at::Tensor& v) {
  return {add_follower(table, linear, suffixes[0], u, Role::trainable, 0, -1),
          add_follower(table, linear, suffixes[1], v, Role::trainable, -1, 1)};
}

Factors add_factors(nn::ParameterTable& table, nn::Linear& linear, const at::Tensor& v) {
  const at::Tensor u = at::zeros({}, v.options()).expand({linear.out_features(), v.size(0)});
  return add_factors(table, linear, {"lora_U", "lora_V"}, u, v);
}

SparseEntries add_entries(nn::ParameterTable& table, const std::string& linear, int64_t out, int64_t in,
                          const at::Tensor& rows, const at::Tensor& cols, const nn::Placement& part) {
  FG_CHECK(rows.numel() == cols.numel(), "{} rows for {} columns", rows.numel(), cols.numel());
  SparseEntries entries;
  entries.rows = table.add(linear + ".sparse_rows", rows, Role::buffer);
  entries.cols = table.add(linear + ".sparse_cols", cols, Role::buffer);
  entries.values = table.add(linear + ".sparse_values", at::zeros({rows.numel()}, rows.options().dtype(at::kFloat)),
                             Role::trainable);
  entries.values->partial_gradient = !part.replicated();
  entries.out = out;
  entries.in = in;
  entries.part = part;
  return entries;
}

LowRankSparse::LowRankSparse(std::optional<Factors> factors, std::optional<SparseEntries> entries, double scale,
                             double sparse_scale)
    : factors_(std::move(factors)), entries_(std::move(entries)), scale_(scale), sparse_scale_(sparse_scale) {
  FG_CHECK(factors_ || entries_, "an update needs a low-rank or a sparse part");
}

Update LowRankSparse::update() const {
  Update update;
  update.scale = scale_;
  update.sparse_scale = sparse_scale_;
  if (factors_) factors_->fill(update);
  if (entries_) entries_->fill(update);
  return update;
}

at::Tensor LowRankSparse::forward(const at::Tensor& x, const at::Tensor& y) const {
  return apply_update(x, y, update());
}

bool LowRankSparse::is_merged() const {
  return entries_ &&
         is_dense(entries_->values->value().numel(), entries_->out, entries_->in, entries_->values->value().device());
}

at::Tensor LowRankSparse::dense() const { return dense_update(update()); }

at::Tensor LowRankSparse::delta() const {
  const at::NoGradGuard no_grad;
  return dense();
}

std::vector<nn::ParameterPtr> LowRankSparse::parameters() const {
  std::vector<nn::ParameterPtr> all;
  if (factors_) all = {factors_->u, factors_->v};
  if (entries_) all.insert(all.end(), {entries_->values, entries_->rows, entries_->cols});
  return all;
}

std::optional<nn::LowRankForm> LowRankSparse::low_rank_form() const {
  nn::LowRankForm form;
  form.scale = scale_;
  form.sparse_scale = sparse_scale_;
  if (factors_) form.u = factors_->u, form.v = factors_->v;
  if (entries_) form.rows = entries_->rows, form.cols = entries_->cols, form.values = entries_->values;
  return form;
}

std::vector<Reslice> LowRankSparse::reslice(int64_t dim, const nn::AxisChange& change) {
  return entries_ ? entries_->reslice(dim, change) : std::vector<Reslice>{};
}

void LowRankSparse::take_shapes(const std::function<at::Tensor(const std::string&)>& saved) {
  if (entries_) entries_->take_shapes(saved);
}

std::string LowRankSparse::kind() const {
  if (!entries_) return "low_rank";
  return factors_ ? "low_rank_sparse" : "sparse_delta";
}

}  // namespace filigree::adapt
