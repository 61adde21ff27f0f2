// Every mesh computes what one rank does, under mpirun: all divisions of the world into dp x tp.
//
// ranks: 2 3 4 5
// labels: parity
#include <algorithm>
#include <tuple>

#include "dist/factory.h"
#include "tests/parity/mesh_cases.h"
#include "tests/support/mpi_main.h"

namespace filigree::test {
namespace {

class MeshParity : public testing::TestWithParam<MeshCheck> {
 protected:
  static void on_every_mesh(const std::string& backend, at::Device device) {
    const auto world = environment()->world(backend, device.is_cuda(), 120);
    for (int tensor = 1; tensor <= world->size(); ++tensor) {
      if (world->size() % tensor != 0) continue;
      SCOPED_TRACE(fmt::format("{} x {}", world->size() / tensor, tensor));
      GetParam().body(*world, tensor, device);
    }
  }
};

bool has_backend(const std::string& name) {
  const auto backends = dist::available_backends();
  return std::find(backends.begin(), backends.end(), name) != backends.end();
}

TEST_P(MeshParity, EqualsOneRank) {
  if (!has_backend("mpi")) GTEST_SKIP() << "this build has no MPI";
  on_every_mesh("mpi", at::kCPU);
}

TEST_P(MeshParity, EqualsOneRankOverNccl) {
  const int devices = dist::cuda_devices(), ranks = environment()->local_size();
  if (devices == 0) GTEST_SKIP() << "no CUDA device here";
  if (!has_backend("nccl")) GTEST_SKIP() << "this build has no NCCL";
  if (devices < ranks && !dist::nccl_shares_devices())
    GTEST_SKIP() << fmt::format("{} ranks on this host, but {} CUDA devices", ranks, devices);
  on_every_mesh("nccl", {at::kCUDA, static_cast<at::DeviceIndex>(environment()->local_rank() % devices)});
}

INSTANTIATE_TEST_SUITE_P(Mpi, MeshParity, testing::ValuesIn(mesh_checks()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace filigree::test

int main(int argc, char** argv) {
  filigree::test::write_models();
  return filigree::test::run_ranks(argc, argv);
}
