// Deadlines and failures of ranks, over threads: who is missing, who is elsewhere, who is out of step. The same over
// processes, where ranks are stopped and killed: tests/faults/hang.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ops/zeros.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include "dist/factory.h"
#include "dist/group.h"

namespace filigree::dist {
namespace {

using testing::HasSubstr;
using testing::Not;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Runs the body on threads, where at least one rank must fail, and returns the error's text.
std::string failure(int ranks, double deadline, const std::function<void(Communicator&)>& body) {
  try {
    run_threads(ranks, body, deadline);
  } catch (const CommError& error) {
    return error.what();
  }
  return "no CommError";
}

void sleep_for(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

TEST(Deadline, NamesTheMissingRank) {
  const auto start = std::chrono::steady_clock::now();
  const std::string text = failure(3, 1, [](Communicator& comm) {
    comm.barrier();
    if (comm.rank() == 1) sleep_for(2.5);
    comm.all_reduce(at::zeros({1024}));
  });
  EXPECT_THAT(text,
              HasSubstr("all_reduce #2 of group world (4096 bytes) did not complete in 1.0 s; missing: rank 1 (host " +
                        host_name() + ")"));
  EXPECT_THAT(text, Not(HasSubstr("rank 2 (host " + host_name() + "),")));
  EXPECT_LT(seconds_since(start), 10);
}

TEST(Deadline, NamesAllMissingRanks) {
  const std::string text = failure(4, 1, [](Communicator& comm) {
    if (comm.rank() % 2 == 1) sleep_for(2.5);
    comm.barrier();
  });
  const std::string host = " (host " + host_name() + ")";
  EXPECT_THAT(text, HasSubstr("missing: rank 1" + host + ", rank 3" + host));
}

TEST(Deadline, NamesARankThatIsElsewhere) {
  const std::string text = failure(4, 1, [](Communicator& comm) {
    const auto pair = comm.split(comm.rank() / 2, 0, "pair");
    if (comm.rank() == 3) {
      pair->barrier();  // its partner, rank 2, never comes
    } else {
      sleep_for(comm.rank() == 2 ? 2.5 : 0.5);
      comm.broadcast(at::zeros({2}));
    }
  });
  EXPECT_THAT(text, HasSubstr("rank 2"));
}

TEST(Deadline, TellsWorldRanksInAGroup) {
  const std::string text = failure(4, 1, [](Communicator& comm) {
    const auto odd = comm.split(comm.rank() % 2, 0, "odd");
    if (comm.rank() == 3) sleep_for(2.5);
    if (comm.rank() % 2 == 1) odd->barrier();
  });
  EXPECT_THAT(text, HasSubstr("rank 1 (host"));
  EXPECT_THAT(text, HasSubstr("of group odd"));
  EXPECT_THAT(text, HasSubstr("rank 3 (host"));
}

TEST(Deadline, HoldsForSendAndRecv) {
  const std::string text = failure(3, 1, [](Communicator& comm) {
    at::Tensor value = at::zeros({2});
    if (comm.rank() == 0) comm.recv(value, 2);
    sleep_for(2.5);
  });
  EXPECT_THAT(text, HasSubstr("rank 0"));
  EXPECT_THAT(text, HasSubstr("recv #1 of group world (8 bytes) did not complete in 1.0 s; missing: rank 2"));
}

TEST(Deadline, RunsFromTheWaitNotFromTheLaunch) {
  run_threads(2, [](Communicator& comm) {
    comm.set_deadline(std::chrono::duration<double>(1));
    at::Tensor value = at::zeros({4});
    WorkPtr work = comm.all_reduce_async(value);
    sleep_for(1.2);  // busy with something else
    work->wait();
  });
}

TEST(Failure, AnErrorOfOneRankWakesTheOthers) {
  const auto start = std::chrono::steady_clock::now();
  try {
    run_threads(3, [](Communicator& comm) {
      if (comm.rank() == 2) throw std::out_of_range("the disk is full");
      comm.barrier();
    });
    FAIL();
  } catch (const std::out_of_range& error) {  // the cause, not what followed from it
    EXPECT_STREQ(error.what(), "the disk is full");
  }
  EXPECT_LT(seconds_since(start), 5.0);
}

TEST(Failure, TheOthersLearnWhoFailed) {
  std::string seen;
  EXPECT_THROW(run_threads(2,
                           [&](Communicator& comm) {
                             if (comm.rank() == 1) throw std::out_of_range("the disk is full");
                             try {
                               comm.barrier();
                             } catch (const CommError& error) {
                               seen = error.what();
                             }
                           }),
               std::out_of_range);
  EXPECT_THAT(seen, HasSubstr("rank 1 (host " + host_name() + ") failed: the disk is full"));
}

TEST(Failure, ARankThatEndedIsNotWaitedFor) {
  const auto start = std::chrono::steady_clock::now();
  const std::string text = failure(2, 60, [](Communicator& comm) {
    if (comm.rank() == 0) comm.barrier();
  });
  EXPECT_THAT(text, HasSubstr("barrier #1 of group world"));
  EXPECT_THAT(text, HasSubstr("rank 1 (host " + host_name() + ") has ended"));
  EXPECT_LT(seconds_since(start), 5.0);
}

TEST(OutOfStep, DifferentSizes) {
  const std::string text =
      failure(2, 60, [](Communicator& comm) { comm.all_reduce(at::zeros({comm.rank() == 0 ? 10 : 20})); });
  EXPECT_THAT(text, HasSubstr("out of step in call #1 of group world"));
  EXPECT_THAT(text, HasSubstr("float32 [10]"));
  EXPECT_THAT(text, HasSubstr("float32 [20]"));
}

TEST(OutOfStep, DifferentOperations) {
  const std::string text = failure(2, 60, [](Communicator& comm) {
    at::Tensor value = at::zeros({10});
    comm.rank() == 0 ? comm.all_reduce(value) : comm.broadcast(value);
  });
  EXPECT_THAT(text, HasSubstr("all_reduce (sum of float32 [10])"));
  EXPECT_THAT(text, HasSubstr("broadcast (float32 [10] from rank 0)"));
}

TEST(OutOfStep, DifferentReductionsTypesAndRoots) {
  EXPECT_THAT(failure(2, 60,
                      [](Communicator& comm) {
                        comm.all_reduce(at::zeros({3}), comm.rank() == 0 ? ReduceOp::sum : ReduceOp::max);
                      }),
              HasSubstr("max of float32 [3]"));
  EXPECT_THAT(
      failure(2, 60,
              [](Communicator& comm) { comm.all_gather(at::zeros({3}, comm.rank() == 0 ? at::kInt : at::kFloat)); }),
      HasSubstr("int32 [3]"));
  EXPECT_THAT(failure(2, 60, [](Communicator& comm) { comm.broadcast(at::zeros({3}), comm.rank()); }),
              HasSubstr("from rank 1"));
}

TEST(Message, TellsMissingOutOfStepAndElsewhereApart) {
  const Group group{"dp", {0, 2, 4, 6, 8}, {"a", "b", "c", "d", "e"}};
  const Operation mine{"all_reduce", "dp", 57, 4096, {}};
  RollCallAnswers answers;
  answers[4] = {"broadcast", "dp", 57, 8, {}};
  answers[6] = {"barrier", "world", 3, 0, {}};
  answers[8] = mine;
  EXPECT_EQ(
      deadline_message(group, 0, mine, 20, {1, 2, 3, 4}, answers),
      "rank 0 (host a): all_reduce #57 of group dp (4096 bytes) did not complete in 20.0 s; missing: rank 2 (host b); "
      "out of step: rank 4 (host c) calls broadcast with 8 bytes; "
      "elsewhere: rank 6 (host d) in barrier #3 of group world (0 bytes)");
  EXPECT_THAT(deadline_message(group, 0, mine, 20, {4}, answers), HasSubstr("all its ranks are waiting in it"));
  answers[2] = {};
  EXPECT_THAT(deadline_message(group, 0, mine, 20, {1}, answers),
              HasSubstr("missing: rank 2 (host b), alive but in no collective"));
}

}  // namespace
}  // namespace filigree::dist
