#include "core/data/collate.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "core/error.h"
#include "core/random.h"

namespace filigree::data {
namespace {

/// Masks the tokens of one sample in place and fills their labels (kIgnoredLabel: no loss).
void mask_sample(const Masking& masking, uint64_t mask_epoch, int64_t sample, int64_t length, int64_t* ids,
                 int64_t* labels) {
  const uint64_t stream = random::stream(masking.seed, "masked_lm", mask_epoch, sample);
  for (int64_t i = 0; i < length; ++i) {
    labels[i] = kIgnoredLabel;
    if (std::binary_search(masking.special_ids.begin(), masking.special_ids.end(), static_cast<int32_t>(ids[i])))
      continue;
    const auto counter = static_cast<uint64_t>(i) * 3;
    if (random::uniform(stream, counter) >= masking.probability) continue;
    labels[i] = ids[i];
    const double how = random::uniform(stream, counter + 1);
    if (how < 0.8) {
      ids[i] = masking.mask_id;
    } else if (how < 0.9) {
      ids[i] = static_cast<int64_t>(random::bits(stream, counter + 2) % static_cast<uint64_t>(masking.vocab_size));
    }
  }
}

/// Labels each token with the next one if that is a target; kIgnoredLabel: no loss.
void shift_sample(const Dataset& dataset, int64_t sample, const int64_t* ids, int64_t* labels) {
  const int64_t length = dataset.length(sample), begin = dataset.offsets[static_cast<size_t>(sample)];
  for (int64_t i = 0; i < length; ++i)
    labels[i] = i + 1 < length && dataset.targets[static_cast<size_t>(begin + i + 1)] != 0 ? ids[i + 1] : kIgnoredLabel;
}

void fill_sample(const Dataset& dataset, int64_t sample, int64_t* ids, int64_t* types, int64_t* positions) {
  const int64_t begin = dataset.offsets[static_cast<size_t>(sample)];
  for (int64_t i = 0; i < dataset.length(sample); ++i) {
    ids[i] = dataset.ids[static_cast<size_t>(begin + i)];
    types[i] = dataset.type_ids[static_cast<size_t>(begin + i)];
    positions[i] = i;
  }
}

template <class T>
at::Tensor gather_labels(const std::vector<T>& values, const std::vector<int64_t>& samples, at::ScalarType type) {
  at::Tensor out = at::empty({static_cast<int64_t>(samples.size())}, type);
  T* to = out.mutable_data_ptr<T>();
  for (size_t b = 0; b < samples.size(); ++b) to[b] = values[static_cast<size_t>(samples[b])];
  return out;
}

/// Computed here on the host, so that no pass has to wait for the device.
at::Tensor rows_with_loss(const at::Tensor& labels) {
  const int64_t* label = labels.const_data_ptr<int64_t>();
  std::vector<int64_t> rows;
  for (int64_t t = 0; t < labels.numel(); ++t)
    if (label[t] != kIgnoredLabel) rows.push_back(t);
  return at::tensor(rows, at::kLong);
}

}  // namespace

Batch collate(const Dataset& dataset, const std::vector<int64_t>& samples, uint64_t mask_epoch) {
  Batch batch;
  batch.samples = samples;
  batch.offsets = {0};
  for (const int64_t sample : samples) {
    FG_CHECK(sample >= 0 && sample < dataset.size(), "sample {} of {}", sample, dataset.size());
    batch.offsets.push_back(batch.offsets.back() + dataset.length(sample));
  }
  const int64_t tokens = batch.offsets.back();
  const bool masked = dataset.model_task == Task::masked_lm, causal = !dataset.targets.empty();
  batch.ids = at::empty({tokens}, at::kLong);
  batch.type_ids = at::empty({tokens}, at::kLong);
  batch.positions = at::empty({tokens}, at::kLong);
  if (masked || causal) batch.labels = at::empty({tokens}, at::kLong);
  auto* ids = batch.ids.mutable_data_ptr<int64_t>();
  auto* types = batch.type_ids.mutable_data_ptr<int64_t>();
  auto* positions = batch.positions.mutable_data_ptr<int64_t>();
  for (size_t b = 0; b < samples.size(); ++b) {
    const int64_t at = batch.offsets[b];
    fill_sample(dataset, samples[b], ids + at, types + at, positions + at);
    if (masked)
      mask_sample(dataset.masking, mask_epoch, samples[b], dataset.length(samples[b]), ids + at,
                  batch.labels.mutable_data_ptr<int64_t>() + at);
    if (causal) shift_sample(dataset, samples[b], ids + at, batch.labels.mutable_data_ptr<int64_t>() + at);
  }
  if (masked || causal) batch.predicted = rows_with_loss(batch.labels);
  if (!dataset.classes.empty()) batch.labels = gather_labels(dataset.classes, samples, at::kLong);
  if (!dataset.scores.empty()) batch.labels = gather_labels(dataset.scores, samples, at::kFloat);
  return batch;
}

}  // namespace filigree::data
