// The contract over the backends that live in one process: single and threads. Under mpirun: contract_mpi_test.cpp.
#include "contract.h"

#include <ATen/ops/full.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <tuple>

#include "dist/factory.h"

namespace filigree::dist {
namespace {

struct Backend {
  const char* name;
  int ranks;
  bool cuda;
};

void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name << " " << backend.ranks; }

class Contract : public testing::TestWithParam<std::tuple<Backend, contract::Check>> {};

TEST_P(Contract, Holds) {
  const auto& [backend, check] = GetParam();
  if (backend.cuda && !contract::no_cuda_reason().empty()) GTEST_SKIP() << contract::no_cuda_reason();
  const at::Device device = backend.cuda ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  if (backend.ranks == 1) {
    check.body(*make_single(), device);
    return;
  }
  run_threads(backend.ranks, [&, body = check.body](Communicator& comm) { body(comm, device); });
}

INSTANTIATE_TEST_SUITE_P(Backends, Contract,
                         testing::Combine(testing::Values(Backend{"single", 1, false}, Backend{"threads", 2, false},
                                                          Backend{"threads", 3, false}, Backend{"threads", 4, false},
                                                          Backend{"single", 1, true}, Backend{"threads", 2, true}),
                                          testing::ValuesIn(contract::checks())),
                         [](const auto& row) {
                           const Backend& backend = std::get<0>(row.param);
                           return fmt::format("{}{}{}_{}", backend.name, backend.ranks, backend.cuda ? "_cuda" : "",
                                              std::get<1>(row.param).name);
                         });

TEST(Threads, SumInOrderOfRank) {
  // 1e8 + 1 - 1e8 is 0 in fp32 from left to right, 1 in another order.
  const std::vector<double> values = {1e8, 1, -1e8};
  run_threads(3, [&](Communicator& comm) {
    at::Tensor value = at::full({1}, values[static_cast<size_t>(comm.rank())], at::kFloat);
    comm.all_reduce(value);
    EXPECT_EQ(value.item<float>(), 0);
  });
}

TEST(Threads, Bf16IsSummedInFp32) {
  // 256 + 1 is 256 in bf16: with a rounding after each term the sum of 256 and four 1s would stay 256.
  run_threads(5, [](Communicator& comm) {
    at::Tensor value = at::full({1}, comm.rank() == 0 ? 256 : 1, at::kBFloat16);
    comm.all_reduce(value);
    EXPECT_EQ(value.item<float>(), 260);
  });
}

TEST(Backends, SingleAndThreadsAreAlwaysThere) {
  const std::vector<std::string> backends = available_backends();
  EXPECT_GE(std::count(backends.begin(), backends.end(), "single"), 1);
  EXPECT_GE(std::count(backends.begin(), backends.end(), "threads"), 1);
  EXPECT_EQ(make_single()->backend(), "single");
}

TEST(Backends, PlainRunIsOneRank) {
  const Environment environment(nullptr, nullptr);
  EXPECT_EQ(environment.world_size(), 1);
  const auto world = environment.world("auto", false, 12);
  EXPECT_EQ(world->backend(), "single");
  EXPECT_EQ(world->deadline().count(), 12);
  EXPECT_THROW(environment.world("mpi", false, 12), CommError);
  EXPECT_THROW(environment.world("nccl", true, 12), CommError);
  EXPECT_THROW(environment.world("carrier pigeon", false, 12), CommError);
  for (const char* backend : {"mpi", "nccl", "carrier pigeon"})
    EXPECT_FALSE(environment.why_not(backend).empty()) << backend;
  for (const char* backend : {"auto", "single"}) EXPECT_EQ(environment.why_not(backend), "");
}

}  // namespace
}  // namespace filigree::dist
