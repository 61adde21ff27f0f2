#pragma once
// The samples of toy_batch() as a data set: data::collate() of sample numbers gives the same batch.
#include <ATen/core/Tensor.h>

#include <numeric>
#include <vector>

#include "core/data/dataset.h"
#include "tests/support/toy_model.h"

namespace filigree::test {

/// The numbers 0 .. samples - 1.
inline std::vector<int64_t> all_samples(int64_t samples) {
  std::vector<int64_t> all(static_cast<size_t>(samples));
  std::iota(all.begin(), all.end(), int64_t{0});
  return all;
}

inline data::Dataset toy_dataset(int64_t samples, ToySizes sizes = {}) {
  const data::Batch batch = toy_batch(all_samples(samples), sizes);
  data::Dataset dataset;
  dataset.task = "toy";
  dataset.split = "dev";
  dataset.metrics = {Metric::accuracy};
  dataset.offsets = batch.offsets;
  const auto* id = batch.ids.const_data_ptr<int64_t>();
  const auto* label = batch.labels.const_data_ptr<int64_t>();
  for (int64_t t = 0; t < batch.tokens(); ++t) dataset.ids.push_back(static_cast<int32_t>(id[t]));
  dataset.type_ids.assign(dataset.ids.size(), 0);
  dataset.classes.assign(label, label + samples);
  dataset.files = {"toy.tsv"};
  dataset.file.assign(static_cast<size_t>(samples), 0);
  for (const int64_t sample : all_samples(samples)) dataset.lines.push_back(sample + 2);  // after a header
  return dataset;
}

}  // namespace filigree::test
