// Every mesh computes what one rank does, over threads.
//
// labels: unit parity
#include <tuple>

#include "dist/factory.h"
#include "tests/parity/mesh_cases.h"

namespace filigree::test {
namespace {

struct MeshSize {
  int data, tensor;
};

class MeshParity : public testing::TestWithParam<std::tuple<MeshSize, MeshCheck>> {
 protected:
  static void SetUpTestSuite() { write_models(); }
};

TEST_P(MeshParity, EqualsOneRank) {
  const auto& [size, check] = GetParam();
  dist::run_threads(size.data * size.tensor, [tensor = size.tensor, body = check.body](dist::Communicator& world) {
    body(world, tensor, at::kCPU);
  });
}

std::string name_of(const testing::TestParamInfo<std::tuple<MeshSize, MeshCheck>>& row) {
  const auto& [size, check] = row.param;
  return fmt::format("{}x{}_{}", size.data, size.tensor, check.name);
}

auto meshes() {
  return testing::Values(MeshSize{2, 1}, MeshSize{1, 2}, MeshSize{2, 2}, MeshSize{1, 4}, MeshSize{4, 1}, MeshSize{1, 3},
                         MeshSize{1, 5});
}

INSTANTIATE_TEST_SUITE_P(Threads, MeshParity, testing::Combine(meshes(), testing::ValuesIn(mesh_checks())), name_of);
INSTANTIATE_TEST_SUITE_P(More, MeshParity, testing::Combine(meshes(), testing::ValuesIn(more_mesh_checks())), name_of);

}  // namespace
}  // namespace filigree::test
