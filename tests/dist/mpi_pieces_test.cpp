// Tensors with more elements than an MPI count can hold are sent in pieces. Here the limit is 7 elements instead of
// 2^31-1, and every check of the contract must still hold.
//
// ranks: 2 3
// labels: dist
#include "contract.h"

#include <algorithm>
#include <cstdio>
#include "dist/factory.h"
#include "dist/mpi/comm_mpi.h"

namespace filigree::dist {
namespace {

MpiRuntime*& runtime() {
  static MpiRuntime* current = nullptr;
  return current;
}

class Pieces : public testing::TestWithParam<contract::Check> {};

TEST_P(Pieces, Hold) {
  // Some hundred thousand elements in pieces of 7 are as many messages as MPI can have under way: not what is tested
  // here.
  const std::string name = GetParam().name;
  const bool large = name == "large_sum_is_right" || name == "sums_are_deterministic" || name == "text_of_any_length" ||
                     name == "polling_finishes_a_work" || name == "a_dropped_work_is_waited_for";
  const auto world = runtime()->world("world", 60, large ? 9973 : 7);
  GetParam().body(*world, at::kCPU);
}

INSTANTIATE_TEST_SUITE_P(Contract, Pieces, testing::ValuesIn(contract::checks()), contract::name_of);

}  // namespace
}  // namespace filigree::dist

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const auto backends = filigree::dist::available_backends();
  if (std::find(backends.begin(), backends.end(), "mpi") == backends.end()) {
    std::puts("skipped: this build has no MPI");
    return 77;
  }
  const auto mpi = filigree::dist::start_mpi(&argc, &argv);
  filigree::dist::runtime() = mpi.get();
  return RUN_ALL_TESTS();
}
