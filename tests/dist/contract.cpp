#include "contract.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <limits>
#include <thread>

#include "core/random.h"
#include "dist/factory.h"

namespace filigree::dist::contract {
namespace {

constexpr at::ScalarType kTypes[] = {at::kFloat, at::kDouble, at::kBFloat16, at::kLong, at::kInt, at::kByte};

at::Tensor row(const std::vector<double>& values, at::ScalarType type, at::Device device) {
  return at::tensor(values, at::kDouble).to(type).to(device);
}

// Values of rank r that round in fp32: their sum depends on the order of summation.
at::Tensor noise(int rank, int64_t numel, at::Device device) {
  at::Tensor values = at::empty({numel}, at::kFloat);
  auto* data = values.mutable_data_ptr<float>();
  for (int64_t i = 0; i < numel; ++i) {
    const double exponent = 20 * random::uniform(random::stream(7, "exponent", rank), static_cast<uint64_t>(i)) - 10;
    data[i] = static_cast<float>(std::exp2(exponent) *
                                 (random::uniform(random::stream(7, "noise", rank), static_cast<uint64_t>(i)) - 0.5));
  }
  return values.to(device);
}

void expect_equal(const at::Tensor& actual, const at::Tensor& expected) {
  ASSERT_EQ(actual.scalar_type(), expected.scalar_type());
  ASSERT_EQ(actual.sizes(), expected.sizes());
  EXPECT_TRUE(at::equal(actual.cpu(), expected.cpu())) << "got\n" << actual.cpu() << "\nexpected\n" << expected.cpu();
}

void all_reduce_sum(Communicator& comm, at::Device device) {
  for (at::ScalarType type : kTypes) {
    const double r = comm.rank(), n = comm.size(), triangle = n * (n - 1) / 2;
    at::Tensor values = row({r, 2 * r + 1, 3}, type, device);
    comm.all_reduce(values);
    expect_equal(values, row({triangle, 2 * triangle + n, 3 * n}, type, device));
  }
}

void all_reduce_max(Communicator& comm, at::Device device) {
  for (at::ScalarType type : kTypes) {
    const double r = comm.rank(), last = comm.size() - 1;
    at::Tensor values = row({r, last - r, 7}, type, device);
    comm.all_reduce(values, ReduceOp::max);
    expect_equal(values, row({last, last, 7}, type, device));
  }
  for (at::ScalarType type : {at::kFloat, at::kDouble, at::kLong, at::kInt}) {
    at::Tensor negative = row({-5.0 - comm.rank()}, type, device);
    comm.all_reduce(negative, ReduceOp::max);
    expect_equal(negative, row({-5}, type, device));
  }
}

// A NaN on any rank reaches all of them, so that all take the same decision.
void nan_spreads(Communicator& comm, at::Device device) {
  if (device.is_cuda()) GTEST_SKIP() << "NCCL's maximum gives no promise for NaN";
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16}) {
    for (ReduceOp op : {ReduceOp::sum, ReduceOp::max}) {
      at::Tensor values = row({comm.rank() == comm.size() - 1 ? nan : 1, comm.rank() == 0 ? nan : 1}, type, device);
      comm.all_reduce(values, op);
      const at::Tensor result = values.cpu().to(at::kDouble);
      EXPECT_TRUE(std::isnan(result.const_data_ptr<double>()[0]));
      EXPECT_TRUE(std::isnan(result.const_data_ptr<double>()[1]));
    }
  }
}

// Bit for bit the same on all ranks, and again when repeated, for small and large sizes.
void sums_are_deterministic(Communicator& comm, at::Device device) {
  for (int64_t numel : {1, 1000, 300000}) {
    for (at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      at::Tensor first = noise(comm.rank(), numel, device).to(type), second = first.clone();
      comm.all_reduce(first);
      comm.all_reduce(second);
      EXPECT_TRUE(at::equal(first, second));
      at::Tensor of_root = first.clone();
      comm.broadcast(of_root);
      EXPECT_TRUE(at::equal(first, of_root)) << numel;
    }
  }
}

void large_sum_is_right(Communicator& comm, at::Device device) {
  const int64_t numel = (1 << 20) + 3;
  at::Tensor values = noise(comm.rank(), numel, device), expected = at::zeros({numel}, at::kDouble);
  for (int r = 0; r < comm.size(); ++r) expected.add_(noise(r, numel, at::kCPU));
  comm.all_reduce(values);
  const double largest = (values.cpu().to(at::kDouble) - expected).abs().max().item<double>();
  EXPECT_LT(largest, 1e-3);  // values reach 512, their fp32 rounding 3e-5
}

void empty_tensors(Communicator& comm, at::Device device) {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  at::Tensor none = at::empty({0}, options);
  comm.all_reduce(none);
  comm.broadcast(none, comm.size() - 1);
  EXPECT_EQ(comm.all_gather(none).numel(), 0);
  EXPECT_EQ(comm.reduce_scatter(at::empty({0, 4}, options)).sizes(), at::IntArrayRef({0, 4}));
  for (const at::Tensor& part : comm.all_gather_ragged(at::empty({0, 3}, options))) {
    EXPECT_EQ(part.sizes(), at::IntArrayRef({0, 3}));
  }
  EXPECT_EQ(comm.broadcast_text("", 0), "");
}

void all_gather_orders_by_rank(Communicator& comm, at::Device device) {
  for (at::ScalarType type : kTypes) {
    at::Tensor mine = at::full({2, 3}, comm.rank() + 1, at::TensorOptions().dtype(type).device(device));
    std::vector<at::Tensor> expected;
    for (int r = 0; r < comm.size(); ++r) expected.push_back(at::full({2, 3}, r + 1, mine.options()));
    expect_equal(comm.all_gather(mine), at::cat(expected));
  }
}

void ragged_gather(Communicator& comm, at::Device device) {
  for (at::ScalarType type : kTypes) {
    // Rank r has (r * 2) % 3 rows: none on ranks 0 and 3.
    const auto rows_of = [](int r) { return int64_t{(r * 2) % 3}; };
    at::Tensor mine =
        at::full({rows_of(comm.rank()), 2}, comm.rank() + 1, at::TensorOptions().dtype(type).device(device));
    const std::vector<at::Tensor> parts = comm.all_gather_ragged(mine);
    ASSERT_EQ(parts.size(), static_cast<size_t>(comm.size()));
    for (int r = 0; r < comm.size(); ++r)
      expect_equal(parts[static_cast<size_t>(r)], at::full({rows_of(r), 2}, r + 1, mine.options()));
  }
}

void reduce_scatter_sums_own_part(Communicator& comm, at::Device device) {
  for (at::ScalarType type : kTypes) {
    const int n = comm.size();
    const at::Tensor base = at::arange(2 * n, at::kDouble).view({n, 2});
    const at::Tensor part = comm.reduce_scatter((base + comm.rank()).to(type).to(device));
    expect_equal(part, (base.narrow(0, comm.rank(), 1) * n + n * (n - 1) / 2.0).to(type).to(device));
  }
}

void broadcast_from_each_root(Communicator& comm, at::Device device) {
  for (at::ScalarType type : kTypes) {
    for (int root = 0; root < comm.size(); ++root) {
      at::Tensor values = row({comm.rank() + 1.0, comm.rank() * 2.0}, type, device);
      comm.broadcast(values, root);
      expect_equal(values, row({root + 1.0, root * 2.0}, type, device));
    }
  }
}

void text_of_any_length(Communicator& comm, at::Device) {
  const int root = comm.size() - 1;
  const std::string text = std::string("line\n\0binary \xff", 14) + std::string(100000, 'x');
  EXPECT_EQ(comm.broadcast_text(comm.rank() == root ? text : "another", root), text);
}

void send_and_recv_in_order(Communicator& comm, at::Device device) {
  if (comm.size() == 1) {
    EXPECT_THROW(comm.send(at::zeros({1}), 0), std::invalid_argument);
    return;
  }
  // Round the ring, twice, so that the order of two messages between the same ranks is seen. Rank 0 starts.
  const int next = (comm.rank() + 1) % comm.size(), last = (comm.rank() + comm.size() - 1) % comm.size();
  for (at::ScalarType type : kTypes) {
    at::Tensor first = row({10}, type, device), second = row({20, 30}, type, device);
    const auto pass_on = [&] {
      comm.send(first, next);
      comm.send(second, next);
    };
    if (comm.rank() == 0) pass_on();
    comm.recv(first.zero_(), last);
    comm.recv(second.zero_(), last);
    expect_equal(first, row({10}, type, device));
    expect_equal(second, row({20, 30}, type, device));
    if (comm.rank() != 0) pass_on();
  }
}

void works_wait_in_any_order(Communicator& comm, at::Device device) {
  std::vector<at::Tensor> tensors;
  std::vector<WorkPtr> works;
  for (int i = 0; i < 8; ++i) {
    tensors.push_back(at::full({1000 + i}, comm.rank() + i, at::TensorOptions().dtype(at::kFloat).device(device)));
    works.push_back(comm.all_reduce_async(tensors.back()));
  }
  const int n = comm.size();
  // Each rank in an order of its own, with another collective in between.
  for (int i = 0; i < 8; ++i) {
    const auto k = static_cast<size_t>((i * 3 + comm.rank() * 5) % 8);
    works[k]->wait();
    expect_equal(tensors[k], at::full({1000 + static_cast<int64_t>(k)}, n * (n - 1) / 2 + n * static_cast<int>(k),
                                      tensors[k].options()));
    EXPECT_TRUE(works[k]->done());
    if (i == 3) comm.barrier();
  }
}

void polling_finishes_a_work(Communicator& comm, at::Device device) {
  at::Tensor values = at::full({100000}, 1, at::TensorOptions().dtype(at::kFloat).device(device));
  WorkPtr work = comm.all_reduce_async(values);
  while (!work->done()) std::this_thread::yield();
  work->wait();
  EXPECT_EQ(values.min().item<float>(), comm.size());
}

void gathers_go_on_beside_each_other(Communicator& comm, at::Device device) {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  const int64_t n = comm.size();
  at::Tensor first = at::zeros({4 * n, 3}, options), second = at::zeros({n}, options);
  const WorkPtr a = comm.all_gather_async(at::full({4, 3}, comm.rank() + 1, options), first);
  const WorkPtr b = comm.all_gather_async(at::full({1}, comm.rank() + 10, options), second);
  b->wait();
  a->wait();
  for (int64_t r = 0; r < n; ++r) {
    EXPECT_TRUE(first.narrow(0, 4 * r, 4).eq(r + 1).all().item<bool>());
    EXPECT_EQ(second[r].item<float>(), static_cast<float>(r + 10));
  }
  EXPECT_THROW(comm.all_gather_async(at::zeros({2}, options), second), std::invalid_argument);
}

void a_dropped_work_is_waited_for(Communicator& comm, at::Device device) {
  at::Tensor values = at::full({50000}, 1, at::TensorOptions().dtype(at::kFloat).device(device));
  comm.all_reduce_async(values);
  EXPECT_EQ(values.min().item<float>(), comm.size());
}

void split_by_colour_and_key(Communicator& comm, at::Device device) {
  const int n = comm.size(), r = comm.rank();
  // Even and odd ranks; within a group, the keys turn the order round.
  const std::unique_ptr<Communicator> part = comm.split(r % 2, -r, "parity");
  const int members = (n + 1 - r % 2) / 2;
  EXPECT_EQ(part->name(), "parity");
  EXPECT_EQ(part->size(), members);
  EXPECT_EQ(part->rank(), members - 1 - r / 2);
  EXPECT_EQ(part->hosts().size(), static_cast<size_t>(members));
  EXPECT_EQ(part->deadline(), comm.deadline());
  std::vector<double> expected;
  for (int member = members - 1; member >= 0; --member) expected.push_back(2 * member + r % 2);
  expect_equal(part->all_gather(row({static_cast<double>(r)}, at::kFloat, device)), row(expected, at::kFloat, device));
  // Equal keys keep the order of ranks; a part can be split again; the parent still works.
  const std::unique_ptr<Communicator> same = comm.split(0, 0, "all");
  EXPECT_EQ(same->rank(), r);
  EXPECT_EQ(part->split(part->rank(), 0, "alone")->size(), 1);
  comm.barrier();
}

void groups_do_not_mix(Communicator& comm, at::Device device) {
  const std::unique_ptr<Communicator> part = comm.split(comm.rank() % 2, 0, "part");
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  at::Tensor in_world = at::full({10}, 1, options), in_part = at::full({10}, 100, options);
  // The two kinds of ranks launch in a different order: legal, since the groups are different.
  WorkPtr a, b;
  if (comm.rank() % 2 == 0) {
    a = comm.all_reduce_async(in_world);
    b = part->all_reduce_async(in_part);
  } else {
    b = part->all_reduce_async(in_part);
    a = comm.all_reduce_async(in_world);
  }
  b->wait();
  a->wait();
  EXPECT_EQ(in_world.max().item<float>(), comm.size());
  EXPECT_EQ(in_part.max().item<float>(), 100 * part->size());
}

void traffic_is_counted(Communicator& comm, at::Device device) {
  const std::unique_ptr<Communicator> fresh = comm.split(0, 0, "fresh");
  EXPECT_EQ(fresh->bytes_sent(), 0U);
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  fresh->all_reduce(at::zeros({10}, options));
  fresh->all_reduce(at::zeros({5}, options.dtype(at::kBFloat16)));
  fresh->all_gather(at::zeros({3}, options));
  fresh->all_gather_ragged(at::zeros({2}, options.dtype(at::kDouble)));
  fresh->reduce_scatter(at::zeros({4 * comm.size()}, options));
  fresh->broadcast(at::zeros({7}, options.dtype(at::kByte)));
  fresh->barrier();
  const uint64_t wire = comm.size() > 1 ? 1 : 0;  // one rank alone sends nothing
  const auto& traffic = fresh->traffic();
  EXPECT_EQ(traffic.at("all_reduce").calls, 2U);
  EXPECT_EQ(traffic.at("all_reduce").bytes, wire * 50);
  EXPECT_EQ(traffic.at("all_gather").bytes, wire * 12);
  EXPECT_EQ(traffic.at("all_gather_ragged").bytes, wire * 24);  // 16, and 8 for the number of rows
  EXPECT_EQ(traffic.at("reduce_scatter").bytes, wire * 16 * static_cast<uint64_t>(comm.size()));
  EXPECT_EQ(traffic.at("broadcast").bytes, wire * 7);
  EXPECT_EQ(traffic.at("barrier").calls, 1U);
  uint64_t sum = 0;
  for (const auto& [operation, count] : traffic) sum += count.bytes;
  EXPECT_EQ(fresh->bytes_sent(), sum);
}

void leaves_keep_their_place(Communicator& comm, at::Device device) {
  at::Tensor leaf =
      at::full({4}, comm.rank(), at::TensorOptions().dtype(at::kFloat).device(device)).set_requires_grad(true);
  comm.broadcast(leaf);  // in place, though autograd forbids it to others
  EXPECT_TRUE(leaf.is_leaf() && leaf.requires_grad());
  EXPECT_EQ(leaf.max().item<float>(), 0);
  EXPECT_FALSE(comm.all_gather(leaf).requires_grad());
}

void bad_tensors_are_refused(Communicator& comm, at::Device device) {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  EXPECT_THROW(comm.all_reduce(at::Tensor()), std::invalid_argument);
  EXPECT_THROW(comm.all_reduce(at::zeros({3, 4}, options).t()), std::invalid_argument);
  EXPECT_THROW(comm.all_reduce(at::zeros({3}, options.dtype(at::kHalf))), std::invalid_argument);
  EXPECT_THROW(comm.all_gather(at::zeros({}, options)), std::invalid_argument);
  EXPECT_THROW(comm.broadcast(at::zeros({3}, options), comm.size()), std::invalid_argument);
  EXPECT_THROW(comm.recv(at::zeros({3}, options), comm.rank()), std::invalid_argument);
  if (comm.size() > 1) {
    EXPECT_THROW(comm.reduce_scatter(at::zeros({comm.size() + 1}, options)), std::invalid_argument);
  }
  EXPECT_EQ(comm.traffic().count("recv"), 0U) << "a refused call is not counted";
}

}  // namespace

const std::vector<Check>& checks() {
  static const std::vector<Check> all = {
      {"all_reduce_sum", all_reduce_sum},
      {"all_reduce_max", all_reduce_max},
      {"nan_spreads", nan_spreads},
      {"sums_are_deterministic", sums_are_deterministic},
      {"large_sum_is_right", large_sum_is_right},
      {"empty_tensors", empty_tensors},
      {"all_gather_orders_by_rank", all_gather_orders_by_rank},
      {"ragged_gather", ragged_gather},
      {"reduce_scatter_sums_own_part", reduce_scatter_sums_own_part},
      {"broadcast_from_each_root", broadcast_from_each_root},
      {"text_of_any_length", text_of_any_length},
      {"send_and_recv_in_order", send_and_recv_in_order},
      {"works_wait_in_any_order", works_wait_in_any_order},
      {"polling_finishes_a_work", polling_finishes_a_work},
      {"gathers_go_on_beside_each_other", gathers_go_on_beside_each_other},
      {"a_dropped_work_is_waited_for", a_dropped_work_is_waited_for},
      {"split_by_colour_and_key", split_by_colour_and_key},
      {"groups_do_not_mix", groups_do_not_mix},
      {"traffic_is_counted", traffic_is_counted},
      {"leaves_keep_their_place", leaves_keep_their_place},
      {"bad_tensors_are_refused", bad_tensors_are_refused},
  };
  return all;
}

std::string no_cuda_reason() { return cuda_devices() > 0 ? "" : "no CUDA device on this machine"; }

}  // namespace filigree::dist::contract
