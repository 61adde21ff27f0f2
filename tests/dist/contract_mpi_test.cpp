// The contract under mpirun: mpi, and nccl where there is a GPU for each rank. A failure on any rank fails the run.
//
// ranks: 1 2 3 4
// labels: dist
#include "contract.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "dist/factory.h"
#include "tests/support/mpi_main.h"

namespace filigree::dist {
namespace {

constexpr double kDeadline = 60;

const Environment& environment() { return *test::environment(); }

bool has_backend(const std::string& name) {
  const std::vector<std::string> backends = available_backends();
  return std::find(backends.begin(), backends.end(), name) != backends.end();
}

class Mpi : public testing::TestWithParam<contract::Check> {};

TEST_P(Mpi, Holds) {
  if (!has_backend("mpi")) GTEST_SKIP() << "this build has no MPI";
  const auto world = environment().world("mpi", false, kDeadline);
  GetParam().body(*world, at::kCPU);
}

INSTANTIATE_TEST_SUITE_P(Contract, Mpi, testing::ValuesIn(contract::checks()), contract::name_of);

class MpiWithCudaTensors : public testing::TestWithParam<contract::Check> {};

TEST_P(MpiWithCudaTensors, Holds) {
  if (!contract::no_cuda_reason().empty()) GTEST_SKIP() << contract::no_cuda_reason();
  if (std::string(GetParam().name) == "nan_spreads") GTEST_SKIP() << "the same as on the CPU";
  if (!has_backend("mpi")) GTEST_SKIP() << "this build has no MPI";
  const auto world = environment().world("mpi", true, kDeadline);
  GetParam().body(*world,
                  at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(environment().local_rank() % cuda_devices())));
}

INSTANTIATE_TEST_SUITE_P(Contract, MpiWithCudaTensors, testing::ValuesIn(contract::checks()), contract::name_of);

std::string no_nccl_reason() {
  if (!has_backend("nccl")) return "this build has no NCCL";
  if (!contract::no_cuda_reason().empty()) return contract::no_cuda_reason();
  if (cuda_devices() < environment().local_size() && !nccl_shares_devices()) {
    return fmt::format(
        "{} ranks on this host, but {} CUDA devices (NCCL 2.32 shares them with NCCL_MULTI_RANK_GPU_ENABLE=1)",
        environment().local_size(), cuda_devices());
  }
  return "";
}

class Nccl : public testing::TestWithParam<contract::Check> {};

TEST_P(Nccl, HoldsForCudaTensors) {
  if (!no_nccl_reason().empty()) GTEST_SKIP() << no_nccl_reason();
  const auto world = environment().world("nccl", true, kDeadline);
  GetParam().body(*world,
                  at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(environment().local_rank() % cuda_devices())));
}

TEST_P(Nccl, HoldsForCpuTensors) {
  if (!no_nccl_reason().empty()) GTEST_SKIP() << no_nccl_reason();
  const auto world = environment().world("nccl", true, kDeadline);
  GetParam().body(*world, at::kCPU);
}

INSTANTIATE_TEST_SUITE_P(Contract, Nccl, testing::ValuesIn(contract::checks()), contract::name_of);

TEST(Backend, AutoFollowsTheRanksAndTheDevice) {
  const auto world = environment().world("auto", false, kDeadline);
  EXPECT_EQ(world->size(), environment().world_size());
  EXPECT_EQ(world->rank(), environment().world_rank());
  EXPECT_EQ(world->backend(), environment().world_size() == 1 ? "single" : "mpi");
  EXPECT_EQ(world->deadline().count(), kDeadline);
  EXPECT_EQ(world->hosts().size(), static_cast<size_t>(world->size()));
  EXPECT_EQ(environment().local_size(), environment().world_size());  // the tests run on one host
}

}  // namespace
}  // namespace filigree::dist

int main(int argc, char** argv) { return filigree::test::run_ranks(argc, argv); }
