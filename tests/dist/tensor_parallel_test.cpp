// The conjugate ops against what one rank computes: values, gradients, and what they count.
#include "dist/tensor_parallel.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "core/random.h"
#include "dist/factory.h"

namespace filigree::dist {
namespace {

/// The same numbers on every rank.
at::Tensor drawn(uint64_t stream, int64_t rows, int64_t columns) {
  at::Tensor values = at::full({rows, columns}, 0.0, at::kFloat);
  for (int64_t i = 0; i < values.numel(); ++i)
    values.data_ptr<float>()[i] = static_cast<float>(random::normal(stream, static_cast<uint64_t>(i)));
  return values;
}

at::Tensor leaf(const at::Tensor& values) { return values.clone().requires_grad_(); }

/// Columns of rank `rank` when 7 are shared out over `size`.
IndexRange columns(int rank, int size) { return even_part(7, rank, size); }
at::Tensor own(const at::Tensor& whole, const Communicator& tp) {
  const IndexRange range = columns(tp.rank(), tp.size());
  return whole.narrow(1, range.begin, range.size());
}

class TensorParallel : public testing::TestWithParam<int> {
 protected:
  static void on_ranks(const std::function<void(Communicator&)>& body) { run_threads(GetParam(), body); }
};

TEST_P(TensorParallel, CopyAddsUpTheGradients) {
  on_ranks([](Communicator& tp) {
    const at::Tensor x = leaf(drawn(1, 3, 4));
    const at::Tensor y = copy_to(x, tp);
    EXPECT_TRUE(y.equal(x));
    y.mul(tp.rank() + 1).sum().backward();
    const double sum = 0.5 * tp.size() * (tp.size() + 1);
    EXPECT_TRUE(x.grad().eq(sum).all().item<bool>());
    EXPECT_EQ(tp.bytes_by_phase().at("backward"), 3U * 4 * 4);
  });
}

TEST_P(TensorParallel, ReduceAddsUpTheValues) {
  on_ranks([](Communicator& tp) {
    const at::Tensor x = leaf(drawn(static_cast<uint64_t>(tp.rank()), 3, 4));
    const at::Tensor y = reduce_from(x.mul(1), tp);
    at::Tensor expected = drawn(0, 3, 4);
    for (int r = 1; r < tp.size(); ++r) expected = expected.add(drawn(static_cast<uint64_t>(r), 3, 4));
    EXPECT_TRUE(y.allclose(expected));
    y.mul(3).sum().backward();
    EXPECT_TRUE(x.grad().eq(3).all().item<bool>()) << "the gradient is passed on as it is";
    EXPECT_EQ(tp.bytes_by_phase().at("forward"), 3U * 4 * 4);
    EXPECT_FALSE(tp.bytes_by_phase().contains("backward"));
  });
}

TEST_P(TensorParallel, GatherJoinsColumnsAndGivesBackTheirGradients) {
  on_ranks([](Communicator& tp) {
    const at::Tensor whole = drawn(1, 3, 7), weight = drawn(2, 3, 7);
    const at::Tensor part = leaf(own(whole, tp));
    const at::Tensor joined = gather_from(part, tp);
    EXPECT_TRUE(joined.equal(whole));
    joined.mul(weight).sum().backward();
    EXPECT_TRUE(part.grad().equal(own(weight, tp)));
  });
}

TEST_P(TensorParallel, CrossEntropyOfAPartOfTheVocabulary) {
  on_ranks([](Communicator& tp) {
    const at::Tensor whole = drawn(1, 5, 7).mul(4);
    const at::Tensor labels = at::tensor({6, 0, -100, 3, 2}, at::kLong);
    for (const double smoothing : {0.0, 0.1}) {
      const at::Tensor reference = leaf(whole);
      const at::Tensor expected = at::cross_entropy_loss(reference, labels, {}, at::Reduction::Sum, -100, smoothing);
      expected.mul(2).backward();
      const at::Tensor part = leaf(own(whole, tp));
      const Vocabulary vocabulary{columns(tp.rank(), tp.size()).begin, whole.size(1), -100, smoothing};
      const at::Tensor loss = vocabulary_cross_entropy(part, labels, vocabulary, tp);
      EXPECT_NEAR(loss.item<double>(), expected.item<double>(), 1e-5 * expected.item<double>()) << smoothing;
      loss.mul(2).backward();
      EXPECT_TRUE(part.grad().allclose(own(reference.grad(), tp), 1e-5, 1e-6)) << smoothing;
    }
  });
}

TEST_P(TensorParallel, LinesMoveToTheirNewPlaces) {
  on_ranks([](Communicator& tp) {
    const at::Tensor whole = drawn(1, 23, 3);
    std::vector<IndexRange> before, after;
    int64_t begin = 0;
    for (int r = 0; r < tp.size(); ++r) {  // the first rank has all but a line for each other one
      const int64_t end = r == 0 ? 23 - (tp.size() - 1) : begin + 1;
      before.push_back({begin, end});
      after.push_back(even_part(23, r, tp.size()));
      begin = end;
    }
    const auto me = static_cast<size_t>(tp.rank());
    for (const int64_t dim : {0, 1}) {
      const at::Tensor all = dim == 0 ? whole : whole.t();
      const auto held = [&](const IndexRange& range) { return all.narrow(dim, range.begin, range.size()); };
      EXPECT_TRUE(redistribute(held(before[me]), dim, before, after, tp).equal(held(after[me])));
      EXPECT_TRUE(redistribute(held(after[me]), dim, after, before, tp).equal(held(before[me])));
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, TensorParallel, testing::Values(2, 3, 8));

TEST(TensorParallelAlone, EveryOpIsTheIdentity) {
  const auto alone = make_single();
  const at::Tensor x = drawn(1, 3, 7);
  EXPECT_TRUE(copy_to(x, *alone).is_same(x));
  EXPECT_TRUE(reduce_from(x, *alone).is_same(x));
  EXPECT_TRUE(gather_from(x, *alone).is_same(x));
  EXPECT_EQ(alone->bytes_sent(), 0U);
}

}  // namespace
}  // namespace filigree::dist
