#include "core/run/rank_zero.h"

#include <c10/util/Exception.h>

#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace filigree::train {
namespace {

constexpr const char* kMark = "outcome of rank 0";
constexpr const char *kNone = "none", *kUser = "user", *kOther = "other";

/// What the other ranks need of an exception of rank 0. kind: kUser for a UsageError or DataError, which exit_code
/// distinguishes; kOther for any other exception; kNone if there was none.
struct Failure {
  int exit_code = 0;
  std::string kind = kNone;
  std::string message;
};

std::exception_ptr thrown_by(const std::function<void()>& body) {
  try {
    body();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

Failure describe(const std::exception_ptr& exception) {
  if (!exception) return {};
  try {
    std::rethrow_exception(exception);
  } catch (const UserError& error) {
    return {error.exit_code(), kUser, error.what()};
  } catch (const std::filesystem::filesystem_error& error) {
    return {3, kUser, fmt::format("{}: {}", error.path1().string(), error.code().message())};
  } catch (const c10::Error& error) {
    return {4, kOther, error.what_without_backtrace()};
  } catch (const std::exception& error) {
    return {4, kOther, error.what()};
  } catch (...) {
    return {4, kOther, "something that is not an exception was thrown"};
  }
}

std::string to_text(const Failure& failure) {
  const nlohmann::json json = {
      {"what", kMark}, {"exit_code", failure.exit_code}, {"kind", failure.kind}, {"message", failure.message}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Failure failure_from(const std::string& text, int rank) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("what", nlohmann::json()) != kMark)
    throw dist::CommError(
        fmt::format("rank {} waits for the outcome of work of rank 0, but received something else: the ranks are not "
                    "doing the same work",
                    rank));
  return {json.at("exit_code").get<int>(), json.at("kind").get<std::string>(), json.at("message").get<std::string>()};
}

void throw_on_other_ranks(const Failure& failure) {
  if (failure.kind == kUser) throw_user_error(failure.exit_code, failure.message);
  if (failure.kind == kOther) throw dist::CommError("rank 0 failed: " + failure.message, /*reported_elsewhere=*/true);
}

}  // namespace

void on_rank_zero(dist::Communicator& world, const std::function<void()>& body) {
  if (world.rank() != 0) return throw_on_other_ranks(failure_from(world.broadcast_text(""), world.rank()));
  const std::exception_ptr exception = thrown_by(body);
  world.broadcast_text(to_text(describe(exception)));
  if (exception) std::rethrow_exception(exception);
}

void throw_user_error(int exit_code, const std::string& message) {
  if (exit_code == 2) throw UsageError(message);
  throw DataError(message);
}

}  // namespace filigree::train
