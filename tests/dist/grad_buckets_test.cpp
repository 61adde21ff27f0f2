// Gradient buckets against a plain backward pass: over threads, and over the ranks that mpirun starts (alone: single).
//
// ranks: 1 2 4
// labels: dist
#include "dist/grad_buckets.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <functional>

#include "core/random.h"
#include "dist/factory.h"
#include "tests/support/mpi_main.h"

namespace filigree::dist {
namespace {

constexpr int kLayers = 4;
constexpr int64_t kWidth = 12;

at::Tensor random_tensor(uint64_t stream, const std::vector<int64_t>& shape) {
  at::Tensor values = at::empty(shape, at::kFloat);
  auto* data = values.mutable_data_ptr<float>();
  for (int64_t i = 0; i < values.numel(); ++i) {
    data[i] = static_cast<float>(random::uniform(stream, static_cast<uint64_t>(i)) - 0.5);
  }
  return values;
}

// A chain of tanh(W h + b), the same on all ranks. Leaves in the model's order: W0, b0, W1, b1, ...
struct Chain {
  std::vector<at::Tensor> leaves;
  std::function<void()> before_first_layer;  // called in the backward pass, when only layer 0's gradients are missing

  Chain() {
    for (int layer = 0; layer < kLayers; ++layer) {
      leaves.push_back(random_tensor(random::stream(1, "w", layer), {kWidth, kWidth}).set_requires_grad(true));
      leaves.push_back(random_tensor(random::stream(1, "b", layer), {kWidth}).set_requires_grad(true));
    }
  }

  at::Tensor loss(const at::Tensor& x) const {
    at::Tensor h = x;
    for (size_t layer = 0; layer < kLayers; ++layer) {
      h = at::tanh(at::linear(h, leaves[2 * layer], leaves[2 * layer + 1]));
      if (layer > 0 || !before_first_layer) continue;
      h.register_hook([this](const at::Tensor&) { before_first_layer(); });
    }
    return h.square().sum();
  }

  at::Tensor gradient(const at::Tensor& x) const {
    const Chain copy;
    copy.loss(x).backward();
    std::vector<at::Tensor> parts;
    for (const at::Tensor& leaf : copy.leaves) parts.push_back(leaf.grad().flatten());
    return at::cat(parts);
  }
};

at::Tensor batch_of(int rank, int number) {
  return random_tensor(random::stream(2, "x", rank, number), {rank + 2, kWidth});
}

// What all ranks' gradients sum to, computed without any communication.
at::Tensor expected_sum(const Communicator& comm, const std::vector<int>& batches) {
  at::Tensor sum;
  for (int rank = 0; rank < comm.size(); ++rank) {
    for (int number : batches) {
      const at::Tensor one = Chain().gradient(batch_of(rank, number));
      sum = sum.defined() ? sum + one : one;
    }
  }
  return sum;
}

const BucketOptions kSmall{.bucket_bytes = 600, .dtype = at::kFloat};

void expect_close(const at::Tensor& actual, const at::Tensor& expected, double tolerance = 1e-6) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  EXPECT_LE((actual - expected).abs().max().item<float>(), tolerance * expected.abs().max().item<float>());
}

void sums_over_ranks(Communicator& comm) {
  for (int64_t bytes : {1, 700, 1 << 22}) {
    Chain chain;
    GradBuckets buckets(chain.leaves, comm, {.bucket_bytes = bytes, .dtype = at::kFloat});
    for (int step = 0; step < 3; ++step) {
      buckets.zero();
      buckets.arm();
      chain.loss(batch_of(comm.rank(), step)).backward();
      buckets.finish();
      expect_close(buckets.flat(), expected_sum(comm, {step}));
    }
    EXPECT_EQ(buckets.total(), kLayers * (kWidth * kWidth + kWidth));
  }
}

void gradients_are_views(Communicator& comm) {
  Chain chain;
  GradBuckets buckets(chain.leaves, comm, kSmall);
  buckets.zero();
  buckets.arm();
  chain.loss(batch_of(comm.rank(), 0)).backward();
  buckets.finish();
  int64_t start = 0;
  for (const at::Tensor& leaf : chain.leaves) {
    EXPECT_EQ(leaf.grad().const_data_ptr(), buckets.flat().narrow(0, start, leaf.numel()).const_data_ptr());
    start += leaf.numel();
  }
}

// Buckets go out while the backward pass still has a layer to do.
void launches_during_backward(Communicator& comm) {
  Chain chain;
  GradBuckets buckets(chain.leaves, comm, kSmall);  // a layer has 624 bytes: a bucket each
  const auto calls = [&] { return comm.traffic().contains("all_reduce") ? comm.traffic().at("all_reduce").calls : 0; };
  uint64_t early = 0;
  chain.before_first_layer = [&] { early = calls(); };
  for (bool armed : {false, true}) {
    const uint64_t before = calls();
    buckets.zero();
    if (armed) buckets.arm();
    chain.loss(batch_of(comm.rank(), 0)).backward();
    const uint64_t after = calls();
    buckets.finish();
    EXPECT_EQ(early - before, armed ? 3U : 0U);
    EXPECT_EQ(after - before, armed ? 4U : 0U);
    EXPECT_EQ(calls() - before, 4U) << "a bucket for each layer, each once";
  }
}

void accumulates_micro_batches(Communicator& comm) {
  Chain chain;
  GradBuckets buckets(chain.leaves, comm, kSmall);
  buckets.zero();
  for (int number : {0, 1, 2}) {
    if (number == 2) buckets.arm();
    chain.loss(batch_of(comm.rank(), number)).backward();
  }
  buckets.finish();
  expect_close(buckets.flat(), expected_sum(comm, {0, 1, 2}));
}

// Two backward passes of one step add to each leaf, as those of layers that make their weights of the same leaf.
void a_leaf_with_two_additions_waits_for_both(Communicator& comm) {
  Chain chain;
  BucketOptions options = kSmall;
  options.additions.assign(chain.leaves.size(), 2);
  GradBuckets buckets(chain.leaves, comm, options);
  const auto calls = [&] { return comm.traffic().contains("all_reduce") ? comm.traffic().at("all_reduce").calls : 0; };
  for (int step = 0; step < 2; ++step) {
    buckets.zero();
    buckets.arm();
    const uint64_t before = calls();
    chain.loss(batch_of(comm.rank(), 0)).backward();
    EXPECT_EQ(calls(), before) << "a gradient that is half complete was sent";
    chain.loss(batch_of(comm.rank(), 1)).backward();
    EXPECT_EQ(calls(), before + 4);
    buckets.finish();
    expect_close(buckets.flat(), expected_sum(comm, {0, 1}));
  }
}

// The last rank has no samples; the first gives one leaf no gradient.
void idle_ranks_take_part(Communicator& comm) {
  Chain chain;
  const at::Tensor unused = at::zeros({5}, at::kFloat).set_requires_grad(true);
  chain.leaves.push_back(unused);
  GradBuckets buckets(chain.leaves, comm, kSmall);
  const int busy = std::max(1, comm.size() - 1);
  for (int step = 0; step < 2; ++step) {
    buckets.zero();
    buckets.arm();
    if (comm.rank() < busy) {
      at::Tensor loss = chain.loss(batch_of(comm.rank(), step));
      if (comm.rank() > 0) loss = loss + unused.sum();
      loss.backward();
    }
    buckets.finish();
    at::Tensor expected = at::zeros({buckets.total()}, at::kFloat);
    const int64_t of_chain = buckets.total() - unused.numel();
    for (int rank = 0; rank < busy; ++rank)
      expected.narrow(0, 0, of_chain).add_(Chain().gradient(batch_of(rank, step)));
    expected.narrow(0, of_chain, unused.numel()).fill_(busy - 1);
    expect_close(buckets.flat(), expected);
  }
}

void bf16_halves_the_bytes(Communicator& comm) {
  const auto fresh = comm.split(0, 0, "fresh");
  Chain chain;
  GradBuckets buckets(chain.leaves, *fresh, {.bucket_bytes = 1000, .dtype = at::kBFloat16});
  buckets.zero();
  buckets.arm();
  chain.loss(batch_of(comm.rank(), 0)).backward();
  buckets.finish();
  const bool alone = comm.size() == 1;
  EXPECT_EQ(fresh->bytes_sent(), alone ? 0U : 2U * static_cast<uint64_t>(buckets.total()));
  if (comm.size() > 2) {  // how often the sum is rounded is up to the backend
    expect_close(buckets.flat(), expected_sum(comm, {0}), 0.02);
    return;
  }
  at::Tensor expected = Chain().gradient(batch_of(0, 0));
  if (!alone) {
    expected =
        expected.to(at::kBFloat16).to(at::kFloat) + Chain().gradient(batch_of(1, 0)).to(at::kBFloat16).to(at::kFloat);
    expected = expected.to(at::kBFloat16).to(at::kFloat);
  }
  EXPECT_TRUE(at::equal(buckets.flat(), expected));
}

void misuse_is_an_error(Communicator& comm) {
  Chain chain;
  {
    GradBuckets buckets(chain.leaves, comm, kSmall);
    buckets.zero();
    chain.leaves[0].mutable_grad() = at::zeros({kWidth, kWidth});
    EXPECT_THROW(buckets.finish(), std::logic_error) << "a gradient outside of the flat buffer";
  }
  {
    GradBuckets buckets(chain.leaves, comm, kSmall);
    buckets.arm();
    chain.loss(batch_of(comm.rank(), 0)).backward();
    EXPECT_THROW(chain.loss(batch_of(comm.rank(), 0)).backward(), std::logic_error) << "armed twice";
    EXPECT_THROW(buckets.zero(), std::logic_error);
    buckets.finish();
  }
  EXPECT_THROW(GradBuckets({at::zeros({2})}, comm, kSmall), std::invalid_argument);
  EXPECT_THROW(GradBuckets({}, comm, {.bucket_bytes = 1, .dtype = at::kLong}), std::invalid_argument);
}

// The hooks go with the buckets: a leaf can be used on, and given to new ones.
void leaves_outlive_their_buckets(Communicator& comm) {
  Chain chain;
  {
    GradBuckets first(chain.leaves, comm, kSmall);
    first.arm();
  }
  chain.loss(batch_of(comm.rank(), 0)).backward();
  GradBuckets second(chain.leaves, comm, kSmall);
  second.zero();
  second.arm();
  chain.loss(batch_of(comm.rank(), 1)).backward();
  second.finish();
  expect_close(second.flat(), expected_sum(comm, {1}));
}

void nothing_to_train(Communicator& comm) {
  GradBuckets buckets({}, comm, kSmall);
  buckets.zero();
  buckets.arm();
  buckets.finish();
  EXPECT_EQ(buckets.total(), 0);
}

struct Case {
  const char* name;
  void (*body)(Communicator&);
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

class Buckets : public testing::TestWithParam<Case> {};

TEST_P(Buckets, OverTheLaunchedRanks) { GetParam().body(*test::environment()->world("auto", false, 60)); }

TEST_P(Buckets, OverThreads) {
  if (test::environment()->world_rank() > 0) return;  // no other process is needed
  run_threads(3, GetParam().body);
}

INSTANTIATE_TEST_SUITE_P(
    Grad, Buckets,
    testing::Values(Case{"sums_over_ranks", sums_over_ranks}, Case{"gradients_are_views", gradients_are_views},
                    Case{"launches_during_backward", launches_during_backward},
                    Case{"accumulates_micro_batches", accumulates_micro_batches},
                    Case{"a_leaf_with_two_additions_waits_for_both", a_leaf_with_two_additions_waits_for_both},
                    Case{"idle_ranks_take_part", idle_ranks_take_part},
                    Case{"bf16_halves_the_bytes", bf16_halves_the_bytes},
                    Case{"misuse_is_an_error", misuse_is_an_error},
                    Case{"leaves_outlive_their_buckets", leaves_outlive_their_buckets},
                    Case{"nothing_to_train", nothing_to_train}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace filigree::dist

int main(int argc, char** argv) { return filigree::test::run_ranks(argc, argv); }
