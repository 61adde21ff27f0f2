#include "launch/failure.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <iostream>
#include <new>
#include <nlohmann/json.hpp>
#include <regex>
#include <system_error>
#include <thread>

#include "core/error.h"
#include "core/files/json.h"
#include "dist/communicator.h"

namespace filigree::launch {
namespace {

constexpr auto kWaitForRankZero = std::chrono::milliseconds(1500);

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown host";
}

std::string own_fault(const std::string& what) {
  return fmt::format("filigree: internal error: {}\nThis is a bug in filigree; please report it with the recipe.",
                     what);
}

bool mentions(const std::string& what, std::initializer_list<const char*> words) {
  return std::ranges::any_of(words, [&](const char* word) { return what.find(word) != std::string::npos; });
}

/// LibTorch and oneDNN throw their own exceptions when memory runs out; some messages do not mention memory.
bool is_lack_of_memory(const std::string& what) {
  return mentions(what, {"out of memory", "out_of_memory", "can't allocate", "not enough memory", "bad_alloc",
                         "Cannot allocate memory", "could not create a primitive", "could not create a memory",
                         "could not initialize a memory", "CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED"});
}

/// The size that an allocator reports it was asked for, e.g. "8000000 bytes" or "2.00 GiB"; "" if it reports none.
std::string asked_for(const std::string& what) {
  std::smatch match;
  return !what.empty() && std::regex_search(what, match, std::regex("allocate ([0-9.]+ [A-Za-z]+)")) ? match[1].str()
                                                                                                     : "";
}

Failure out_of_memory(const std::string& what = "") {
  const std::string size = asked_for(what);
  return {
      4, fmt::format(
             "out of memory{}{}. Try a smaller batch_size (with a larger gradient_accumulation), a smaller max_length, "
             "parallel.shard_frozen, fewer ranks per machine, or a machine with more memory",
             what.find("CUDA") != std::string::npos ? " on the GPU" : "",
             size.empty() ? "" : fmt::format(": {} more were needed", size))};
}

/// PyTorch's message without its stack trace. Its errors are about tensors and devices: out of memory, or our own bug.
Failure library_fault(const std::string& what) {
  return is_lack_of_memory(what) ? out_of_memory(what) : Failure{4, own_fault(what)};
}

Failure system_fault(const std::system_error& error) {
  if (error.code() == std::errc::not_enough_memory) return out_of_memory();
  if (error.code() == std::errc::resource_unavailable_try_again)
    return {4,
            "cannot start another thread: the limit on threads or memory is reached (ulimit -u, ulimit -v); "
            "set OMP_NUM_THREADS to a smaller number"};
  if (dynamic_cast<const std::ios_base::failure*>(&error) != nullptr)
    return {3, "a file could not be read or written; is the disk full, or the file gone?"};
  return {3, fmt::format("a system call failed: {}", error.code().message())};
}

}  // namespace

Failure explain(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const UserError& known) {
    return {known.exit_code(), known.what()};
  } catch (const dist::StartError& known) {
    return {3, known.what()};
  } catch (const dist::CommError& known) {
    return {4, known.what()};
  } catch (const c10::Error& known) {
    return library_fault(known.what_without_backtrace());
  } catch (const std::filesystem::filesystem_error& known) {
    return {3, fmt::format("{}: {}", known.path1().string(), known.code().message())};
  } catch (const std::system_error& known) {
    return system_fault(known);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const nlohmann::json::exception& known) {
    return {3, fmt::format("bad JSON in a file of the model, the data or the run: {}; filigree should have named the "
                           "file, please report this",
                           files::explain(known))};
  } catch (const std::exception& known) {
    return library_fault(known.what());
  } catch (...) {
    return {4, own_fault("something that is not an exception was thrown")};
  }
}

int end_job(const Failure& failure, const dist::Environment& environment,
            const std::function<void(const std::string&)>& log) {
  const int rank = environment.world_rank();
  if (rank != 0) std::this_thread::sleep_for(kWaitForRankZero);
  const std::string who = rank == 0 ? "" : fmt::format("rank {} ({}): ", rank, host_name());
  std::cout.flush();
  std::cerr << fmt::format("{}{}\n", who, failure.message) << std::flush;
  if (log) log(fmt::format("ended with exit code {}: {}{}", failure.exit_code, who, failure.message));
  if (environment.world_size() > 1) environment.abort(failure.exit_code);
  return failure.exit_code;
}

void end_without_a_handler() {
  const std::exception_ptr error = std::current_exception();
  const Failure failure = error ? explain(error) : Failure{4, own_fault("the program called std::terminate")};
  std::cerr << failure.message << '\n' << std::flush;
  std::_Exit(failure.exit_code);
}

}  // namespace filigree::launch
