#include "dist/mesh.h"

#include <gtest/gtest.h>

#include <ATen/ops/full.h>

#include <chrono>
#include <string>

#include "dist/factory.h"

namespace filigree::dist {
namespace {

std::vector<int64_t> world_ranks(Communicator& axis, int rank) {
  const at::Tensor all = axis.all_gather(at::full({1}, rank, at::kLong));
  return {all.const_data_ptr<int64_t>(), all.const_data_ptr<int64_t>() + all.numel()};
}

std::unique_ptr<Communicator> everyone(Communicator& comm) { return comm.split(0, 0, "world"); }

TEST(Mesh, TensorParallelIsTheInnerAxis) {
  run_threads(6, [](Communicator& comm) {
    const Mesh mesh(everyone(comm), 2);
    const int64_t r = comm.rank();
    EXPECT_EQ(mesh.data_parallel(), 3);
    EXPECT_EQ(mesh.tensor_parallel(), 2);
    EXPECT_EQ(mesh.dp().rank(), r / 2);
    EXPECT_EQ(mesh.tp().rank(), r % 2);
    EXPECT_EQ(mesh.dp().name(), "dp");
    EXPECT_EQ(mesh.tp().name(), "tp");
    EXPECT_EQ(mesh.world().size(), 6);
    EXPECT_EQ(world_ranks(mesh.tp(), comm.rank()), (std::vector<int64_t>{r / 2 * 2, r / 2 * 2 + 1}));
    EXPECT_EQ(world_ranks(mesh.dp(), comm.rank()), (std::vector<int64_t>{r % 2, r % 2 + 2, r % 2 + 4}));
  });
}

TEST(Mesh, EitherAxisMayBeOne) {
  for (int tensor : {1, 4}) {
    run_threads(4, [tensor](Communicator& comm) {
      const Mesh mesh(everyone(comm), tensor);
      EXPECT_EQ(mesh.data_parallel(), 4 / tensor);
      EXPECT_EQ(mesh.tensor_parallel(), tensor);
    });
  }
  const Mesh alone(make_single(), 1);
  EXPECT_EQ(alone.data_parallel(), 1);
}

TEST(Mesh, AnAxisOfOneRankSendsNothing) {
  run_threads(3, [](Communicator& comm) {
    comm.set_deadline(std::chrono::seconds(7));
    const Mesh mesh(everyone(comm), 1);
    EXPECT_EQ(mesh.tp().backend(), "single");
    EXPECT_EQ(mesh.tp().name(), "tp");
    EXPECT_EQ(mesh.tp().deadline(), std::chrono::seconds(7));
    EXPECT_EQ(mesh.dp().backend(), "threads");
    if (comm.rank() == 1) {  // only one rank calls it: a group with other ranks would wait for them
      EXPECT_EQ(world_ranks(mesh.tp(), comm.rank()), std::vector<int64_t>{1});
    }
    EXPECT_EQ(mesh.tp().bytes_sent(), 0U);
    EXPECT_TRUE(mesh.tp().bytes_by_phase().empty());
  });
}

TEST(Mesh, RefusesWhatDoesNotDivide) {
  for (int tensor : {-1, 0, 3, 8}) {
    try {
      run_threads(4, [tensor](Communicator& comm) { Mesh(everyone(comm), tensor); });
      FAIL() << tensor;
    } catch (const CommError& error) {
      EXPECT_NE(std::string(error.what()).find("4 ranks"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("size " + std::to_string(tensor)), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace filigree::dist
