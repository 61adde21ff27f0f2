#include "core/data/collate.h"

#include <ATen/ops/equal.h>

#include <map>

#include "support.h"

namespace filigree::data {
namespace {

std::vector<int64_t> values(const at::Tensor& tensor) {
  const auto* data = tensor.const_data_ptr<int64_t>();
  return {data, data + tensor.numel()};
}

Dataset small() {
  Dataset data;
  data.ids = {2, 5, 3, 2, 5, 6, 3, 7, 3, 2, 3};
  data.offsets = {0, 3, 9, 11};
  data.type_ids = {0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0};
  data.classes = {1, 0, 1};
  return data;
}

TEST(Collate, PacksSamples) {
  const Batch batch = collate(small(), {1, 0});
  EXPECT_EQ(values(batch.ids), (std::vector<int64_t>{2, 5, 6, 3, 7, 3, 2, 5, 3}));
  EXPECT_EQ(values(batch.type_ids), (std::vector<int64_t>{0, 0, 0, 0, 1, 1, 0, 0, 0}));
  EXPECT_EQ(values(batch.positions), (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 0, 1, 2}));
  EXPECT_EQ(values(batch.labels), (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(batch.offsets, (std::vector<int64_t>{0, 6, 9}));
  EXPECT_EQ(batch.samples, (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(batch.tokens(), 9);
}

TEST(Collate, ScoresAndNoLabels) {
  Dataset data = small();
  data.classes.clear();
  EXPECT_FALSE(collate(data, {0}).labels.defined());
  data.model_task = Task::regression;
  data.scores = {0.5f, 1.5f, 2.5f};
  const at::Tensor labels = collate(data, {2, 1}).labels;
  ASSERT_EQ(labels.scalar_type(), at::kFloat);
  EXPECT_EQ(labels.const_data_ptr<float>()[0], 2.5f);
}

TEST(Collate, AnEmptyShareIsABatch) {
  const Batch batch = collate(small(), {});
  EXPECT_EQ(batch.size(), 0);
  EXPECT_EQ(batch.tokens(), 0);
  EXPECT_EQ(batch.ids.numel(), 0);
  EXPECT_EQ(batch.labels.numel(), 0);
}

TEST(Collate, ToKeepsTheBatch) {
  const Batch batch = collate(small(), {1, 2});
  const Batch copy = to(batch, at::Device(at::kCPU));
  EXPECT_TRUE(at::equal(copy.ids, batch.ids));
  EXPECT_EQ(copy.offsets, batch.offsets);
  EXPECT_EQ(copy.samples, batch.samples);
}

// ---- masked LM

Dataset masked(int64_t samples, int64_t length) {
  Dataset data;
  data.model_task = Task::masked_lm;
  data.masking = {0.15, 9, 4, 1000, {0, 1, 2, 3, 4}};
  for (int64_t i = 0; i < samples; ++i) {
    for (int64_t t = 0; t < length; ++t)
      data.ids.push_back(t == 0 ? 2 : t == length - 1 ? 3 : static_cast<int32_t>(5 + (i * 31 + t * 7) % 995));
    data.offsets.push_back(data.offsets.back() + length);
  }
  data.type_ids.assign(data.ids.size(), 0);
  return data;
}

std::vector<int64_t> all(int64_t count) {
  std::vector<int64_t> samples;
  for (int64_t i = 0; i < count; ++i) samples.push_back(i);
  return samples;
}

TEST(MaskedLm, SharesAreThoseOfBert) {
  const Dataset data = masked(2000, 52);
  const Batch batch = collate(data, all(2000), 1);
  const auto ids = values(batch.ids), labels = values(batch.labels);
  double chosen = 0, mask = 0, same = 0, eligible = 2000.0 * 50;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (data.ids[i] <= 4) {
      ASSERT_EQ(labels[i], -100) << "special tokens are never masked";
      ASSERT_EQ(ids[i], data.ids[i]);
    } else if (labels[i] == -100) {
      ASSERT_EQ(ids[i], data.ids[i]);
    } else {
      ASSERT_EQ(labels[i], data.ids[i]);
      ++chosen;
      mask += ids[i] == 4;
      same += ids[i] == data.ids[i];
    }
  }
  EXPECT_NEAR(chosen / eligible, 0.15, 0.004);  // 3.5 standard deviations
  EXPECT_NEAR(mask / chosen, 0.80, 0.012);
  EXPECT_NEAR(same / chosen, 0.10, 0.009);
}

TEST(Collate, TypesAreThoseOfTheTemplateInAnyOrder) {
  Dataset data;
  data.add({{0, 5, 2, 2, 6, 2}, {0, 0, 0, 0, 0, 0}});
  data.add({{0, 5, 6}, {1, 0, 2}});
  EXPECT_EQ(values(collate(data, {1, 0}, 0).type_ids), (std::vector<int64_t>{1, 0, 2, 0, 0, 0, 0, 0, 0}));
}

TEST(Collate, PredictedAreTheTokensWithALoss) {
  const Dataset data = masked(200, 12);
  const Batch batch = collate(data, all(200), 1);
  std::vector<int64_t> expected;
  for (int64_t t = 0; t < batch.tokens(); ++t)
    if (values(batch.labels)[static_cast<size_t>(t)] != -100) expected.push_back(t);
  EXPECT_FALSE(expected.empty());
  EXPECT_EQ(values(batch.predicted), expected);
  EXPECT_FALSE(collate(small(), {1, 0}).predicted.defined());
}

TEST(MaskedLm, DrawsDependOnSampleAndDrawAlone) {
  const Dataset data = masked(8, 60);
  const Batch whole = collate(data, all(8), 3), part = collate(data, {6, 2}, 3), other = collate(data, {6, 2}, 4);
  const auto cut = [](const at::Tensor& tensor, int64_t from) { return tensor.slice(0, from, from + 60); };
  EXPECT_TRUE(at::equal(cut(part.ids, 0), cut(whole.ids, 6 * 60)));
  EXPECT_TRUE(at::equal(cut(part.labels, 60), cut(whole.labels, 2 * 60)));
  EXPECT_FALSE(at::equal(other.labels, part.labels));
}

TEST(MaskedLm, NothingIsMaskedAtProbabilityZero) {
  Dataset data = masked(4, 30);
  data.masking.probability = 0;
  const Batch batch = collate(data, all(4));
  EXPECT_EQ(values(batch.labels), std::vector<int64_t>(120, -100));
}

}  // namespace
}  // namespace filigree::data
