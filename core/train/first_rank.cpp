#include "core/train/first_rank.h"

#include <filesystem>

#include "core/error.h"

namespace filigree::train {

void on_first_rank(Session& session, const std::function<void()>& body) {
  // "" when all went well, else the exit code's digit and the message.
  std::string outcome;
  if (session.first_rank()) {
    try {
      body();
    } catch (const UserError& error) {
      outcome = fmt::format("{}{}", error.exit_code(), error.what());
    } catch (const std::filesystem::filesystem_error& error) {
      outcome = fmt::format("3{}: {}", error.path1().string(), error.code().message());
    }
  }
  outcome = session.mesh->world().broadcast_text(outcome);
  if (!outcome.empty()) throw UserError(outcome.front() - '0', outcome.substr(1));
}

}  // namespace filigree::train
