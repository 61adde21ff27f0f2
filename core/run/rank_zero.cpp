#include "core/run/rank_zero.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace filigree::train {
namespace {

constexpr const char* kMark = "outcome of rank 0";

std::string outcome_text(int exit_code, const std::string& message) {
  const nlohmann::json json = {{"what", kMark}, {"exit_code", exit_code}, {"message", message}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string run(const std::function<void()>& body) {
  try {
    body();
  } catch (const UserError& error) {
    return outcome_text(error.exit_code(), error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return outcome_text(3, fmt::format("{}: {}", error.path1().string(), error.code().message()));
  }
  return outcome_text(0, "");
}

}  // namespace

void on_rank_zero(dist::Communicator& world, const std::function<void()>& body) {
  const std::string text = world.broadcast_text(world.rank() == 0 ? run(body) : "");
  const auto outcome = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!outcome.is_object() || outcome.value("what", nlohmann::json()) != kMark)
    throw dist::CommError(
        fmt::format("rank {} waits for the outcome of work of rank 0, but received something else: the ranks are not "
                    "doing the same work",
                    world.rank()));
  const int exit_code = outcome.at("exit_code").get<int>();
  if (exit_code != 0) throw_user_error(exit_code, outcome.at("message").get<std::string>());
}

void throw_user_error(int exit_code, const std::string& message) {
  if (exit_code == 2) throw UsageError(message);
  throw DataError(message);
}

void on_rank_zero(Session& session, const std::function<void()>& body) { on_rank_zero(session.mesh->world(), body); }

}  // namespace filigree::train
