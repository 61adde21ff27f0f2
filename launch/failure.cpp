#include "launch/failure.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <new>
#include <system_error>
#include <thread>

#include "core/error.h"
#include "dist/communicator.h"

namespace filigree::launch {
namespace {

constexpr auto kWaitForRankZero = std::chrono::milliseconds(1500);

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown host";
}

std::string own_fault(const std::string& what) {
  return fmt::format("filigree: internal error: {}\nThis is a fault of filigree; please report it with the recipe.",
                     what);
}

/// PyTorch's message without its stack. Its errors are about tensors and devices: a lack of memory, or our own fault.
std::string torch_fault(const c10::Error& error) {
  const std::string what = error.what_without_backtrace();
  const bool memory =
      what.find("out of memory") != std::string::npos || what.find("can't allocate") != std::string::npos;
  return memory ? fmt::format("out of memory: {}\nTry a smaller batch_size, more accumulate, or more ranks.", what)
                : own_fault(what);
}

}  // namespace

Failure explain(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const UserError& known) {
    return {known.exit_code(), known.what()};
  } catch (const dist::CommError& known) {
    return {4, known.what()};
  } catch (const c10::Error& known) {
    return {4, torch_fault(known)};
  } catch (const std::filesystem::filesystem_error& known) {
    return {3, fmt::format("{}: {}", known.path1().string(), known.code().message())};
  } catch (const std::system_error& known) {
    return {3, known.what()};
  } catch (const std::bad_alloc&) {
    return {4, "out of memory on the host; try a smaller batch_size or fewer ranks a machine"};
  } catch (const std::exception& known) {
    return {4, own_fault(known.what())};
  } catch (...) {
    return {4, own_fault("something that is no exception was thrown")};
  }
}

int end_job(const Failure& failure, const dist::Environment& environment) {
  const int rank = environment.world_rank();
  if (rank != 0) std::this_thread::sleep_for(kWaitForRankZero);
  const std::string who = rank == 0 ? "" : fmt::format("rank {} ({}): ", rank, host_name());
  std::cout.flush();
  std::cerr << fmt::format("{}{}\n", who, failure.message) << std::flush;
  if (environment.world_size() > 1) environment.abort(failure.exit_code);
  return failure.exit_code;
}

}  // namespace filigree::launch
