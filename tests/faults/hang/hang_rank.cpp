// A job whose rank 1 fails in a chosen way; the other ranks must end it. Driven by hang.sh.
//   hang_rank MODE DEADLINE_SECONDS TOKEN       (the token makes the processes of one run findable)
#include <ATen/ops/ones.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>

#include "dist/factory.h"
#include "dist/grad_buckets.h"
#include "dist/launcher.h"

namespace {

using filigree::dist::Communicator;

void fault(const std::string& mode, Communicator& world) {
  if (mode == "sleep" || mode == "backward") std::this_thread::sleep_for(std::chrono::hours(1));
  if (mode == "stop") std::raise(SIGSTOP);
  if (mode == "kill") std::raise(SIGKILL);
  if (mode == "exit") _exit(0);
  if (mode == "throw") throw std::runtime_error("rank 1: the disk is full");
  if (mode == "other") world.broadcast(at::ones({2}));
  if (mode == "shorter") world.all_reduce(at::ones({10}));
}

void job(const std::string& mode, Communicator& world) {
  at::Tensor warm = at::ones({16});
  world.all_reduce(warm);
  const auto group = world.split(0, 0, "dp");
  if (mode == "recv") {  // a message that nobody sends
    if (world.rank() == 0) world.recv(warm, 1);
    std::this_thread::sleep_for(std::chrono::hours(1));
  }
  if (world.rank() == 1) {
    fault(mode, *group);
    if (mode == "leave") return;
  }
  if (mode == "backward") {
    at::Tensor weight = at::ones({1024}).set_requires_grad(true);
    filigree::dist::GradBuckets buckets({weight}, *group, {});
    buckets.arm();
    weight.sum().backward();
    buckets.finish();
  }
  at::Tensor values = at::ones({1024});
  group->all_reduce(values);
  if (mode == "late") {  // rank 1 does not come to the end of the program
    if (world.rank() == 1) std::this_thread::sleep_for(std::chrono::hours(1));
    return;
  }
  world.barrier();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argv[1];
  const double deadline = std::stod(argv[2]);
  const bool stops = filigree::dist::launched_rank() == 1;
  if (stops && mode == "start") std::raise(SIGSTOP);
  const filigree::dist::Environment environment(&argc, &argv, deadline);
  if (stops && (mode == "group" || mode == "end")) std::raise(SIGSTOP);
  if (mode == "end") return 0;  // no group is made: the ranks meet in MPI_Finalize alone
  try {
    job(mode, *environment.world("auto", false, deadline));
  } catch (const filigree::dist::CommError& error) {
    environment.fail(error);
  } catch (const std::exception& error) {
    fmt::print(stderr, "filigree: {}\n", error.what());
    environment.abort(3);
    return 3;
  }
  return 0;
}
