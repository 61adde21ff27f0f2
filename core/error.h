#pragma once
// Errors of filigree. Two kinds, by who can fix them:
//
//   UserError   a bad command line, recipe, data file or checkpoint. what() is one sentence (or several lines) that
//               names the location and the remedy. The user sees it as it is, without a stack trace.
//   FG_CHECK    an invariant of the program itself. Its message contains the expression, the values, file and line.
//
// exit_code() follows the program's contract: 2 usage or recipe, 3 data or checkpoint, 4 a rank or collective.
#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace filigree {

class UserError : public std::runtime_error {
 public:
  UserError(int exit_code, const std::string& message) : std::runtime_error(message), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

/// Bad command line or recipe: exit code 2.
class UsageError : public UserError {
 public:
  explicit UsageError(const std::string& message) : UserError(2, message) {}
};

/// Bad data file, model directory or checkpoint, or a failed write: exit code 3.
class DataError : public UserError {
 public:
  explicit DataError(const std::string& message) : UserError(3, message) {}
};

/// A broken invariant: a bug in filigree, never the user's fault.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

template <class... Args>
[[noreturn]] void fail_check(const char* file, int line, const char* expression, fmt::format_string<Args...> format,
                             Args&&... args) {
  throw InternalError(
      fmt::format("{}:{}: {} is false: {}", file, line, expression, fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace filigree

#define FG_CHECK(condition, ...)                                                           \
  do {                                                                                     \
    if (!(condition)) ::filigree::fail_check(__FILE__, __LINE__, #condition, __VA_ARGS__); \
  } while (false)
