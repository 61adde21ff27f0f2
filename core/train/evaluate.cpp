#include "core/train/evaluate.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/count_nonzero.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "core/counted.h"
#include "core/data/collate.h"
#include "core/metrics/metrics.h"

namespace filigree::train {
namespace {

constexpr const char* kDiverged = "the model has diverged, or its weights are damaged";
constexpr size_t kNamedSamples = 5;  ///< in a message

/// This rank's samples: every dp.size()-th of the samples sorted by length, so that the ranks have equal work
/// and a forward pass has samples of similar length.
std::vector<int64_t> own_samples(const data::Dataset& dataset, const dist::Communicator& dp) {
  std::vector<int64_t> order(static_cast<size_t>(dataset.size()));
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto lengths = dataset.lengths();
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return lengths[static_cast<size_t>(a)] > lengths[static_cast<size_t>(b)];
  });
  std::vector<int64_t> own;
  for (size_t i = static_cast<size_t>(dp.rank()); i < order.size(); i += static_cast<size_t>(dp.size()))
    own.push_back(order[i]);
  return own;
}

/// Calls body(batch, output) for this rank's samples, batch_size at a time, without dropout or gradients.
template <class Body>
void for_each_batch(nn::Model& model, const data::Dataset& dataset, const EvalOptions& options,
                    const dist::Communicator& dp, const Body& body) {
  at::NoGradGuard no_grad;
  const auto own = own_samples(dataset, dp);
  nn::ForwardContext context;
  context.compute = options.compute;
  for (size_t begin = 0; begin < own.size(); begin += static_cast<size_t>(options.batch_size)) {
    const size_t end = std::min(own.size(), begin + static_cast<size_t>(options.batch_size));
    const std::vector<int64_t> samples(own.begin() + static_cast<int64_t>(begin),
                                       own.begin() + static_cast<int64_t>(end));
    const auto batch = to(data::collate(dataset, samples), model.device());
    body(batch, model.forward(batch, context));
  }
  if (!options.joins_collectives) return;
  const auto most = static_cast<size_t>((dataset.size() + dp.size() - 1) / dp.size());
  const auto passes = [&](size_t samples) {
    return (samples + static_cast<size_t>(options.batch_size) - 1) / static_cast<size_t>(options.batch_size);
  };
  // A rank with fewer passes than the busiest one runs extra passes whose results are not used.
  for (size_t i = passes(own.size()); i < passes(most); ++i)
    model.forward(to(data::collate(dataset, {0}), model.device()), context);
}

/// The samples of a batch whose logits are not finite; all of them if the logits of single samples do not show it.
std::vector<int64_t> non_finite_samples(const data::Batch& batch, const nn::Output& output, Task task) {
  std::vector<int64_t> found;
  if (!is_over_tokens(task)) {
    const at::Tensor finite = at::isfinite(output.logits).view({batch.size(), -1}).all(1).cpu();
    for (size_t i = 0; i < batch.samples.size(); ++i)
      if (!finite[static_cast<int64_t>(i)].item<bool>()) found.push_back(batch.samples[i]);
  }
  return found.empty() ? batch.samples : found;
}

/// Throws on every rank alike. mine: samples of this rank in whose batches the loss is not finite. Collective.
[[noreturn]] void refuse_non_finite(const data::Dataset& dataset, const std::vector<int64_t>& mine,
                                    dist::Communicator& dp) {
  const at::Tensor marks = at::zeros({dataset.size()}, at::kFloat);
  for (const int64_t sample : mine) marks[sample] = 1;
  dp.all_reduce(marks, dist::ReduceOp::max);
  std::vector<int64_t> first;
  const auto count = marks.count_nonzero().item<int64_t>();
  for (int64_t i = 0; i < dataset.size() && first.size() < kNamedSamples; ++i)
    if (marks[i].item<float>() > 0) first.push_back(i);
  if (count == dataset.size())
    throw DivergedError(fmt::format("the loss on '{}' is not finite in any of {} (the first: {}): {}", dataset.split,
                                    counted(dataset.size(), "sample"), dataset.where(first.front()), kDiverged));
  throw LossError(
      fmt::format("the loss on '{}' is not finite in {} of {} ({}{}): the model has diverged, or it "
                  "cannot compute these samples. Inspect them, or train in fp32 or with a lower lr",
                  dataset.split, count, counted(dataset.size(), "sample"), dataset.where(first),
                  static_cast<size_t>(count) > first.size() ? ", ..." : ""));
}

}  // namespace

EvalResult evaluate(nn::Model& model, const data::Dataset& dataset, const EvalOptions& options,
                    dist::Communicator& dp) {
  double loss = 0, count = 0;
  std::vector<int64_t> non_finite;
  MetricSet metrics(dataset.metrics, model.task() == Task::regression, model.num_labels());
  for_each_batch(model, dataset, options, dp, [&](const data::Batch& batch, const nn::Output& output) {
    const auto loss_sum = output.loss_sum.item<double>();
    loss += loss_sum;
    if (!std::isfinite(loss_sum))
      std::ranges::copy(non_finite_samples(batch, output, model.task()), std::back_inserter(non_finite));
    count += static_cast<double>(output.count);
    if (!is_over_tokens(model.task())) metrics.add(output.logits, batch.labels);
  });
  const auto sums = at::tensor({loss, count}, at::kDouble);
  dp.all_reduce(sums);
  const double total = sums.const_data_ptr<double>()[0], counted = sums.const_data_ptr<double>()[1];
  if (is_over_tokens(model.task()) && counted == 0)
    throw DataError(fmt::format("the split '{}' has no token with a loss; add more text", dataset.split));
  if (!std::isfinite(total)) refuse_non_finite(dataset, non_finite, dp);
  EvalResult result;
  result.samples = dataset.size();
  result.loss = total / std::max(1.0, counted);
  if (!is_over_tokens(model.task())) result.metrics = metrics.compute(dp);
  if (model.task() == Task::causal_lm) result.metrics["perplexity"] = std::exp(result.loss);
  return result;
}

at::Tensor all_logits(nn::Model& model, const data::Dataset& dataset, const EvalOptions& options,
                      dist::Communicator& dp) {
  const auto logits = at::zeros({dataset.size(), model.num_labels()}, at::kFloat);
  for_each_batch(model, dataset, options, dp, [&](const data::Batch& batch, const nn::Output& output) {
    logits.index_copy_(0, at::tensor(batch.samples, at::kLong), output.logits.cpu().to(at::kFloat));
  });
  // Every row is written by one rank and zero on the others, so the sum is exact.
  dp.all_reduce(logits);
  if (!at::isfinite(logits).all().item<bool>()) throw DataError(fmt::format("logits are not finite: {}", kDiverged));
  return logits;
}

}  // namespace filigree::train
