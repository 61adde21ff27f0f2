// Runs commands of filigree, each in a child of its own, forked from this process: the program's start, which takes
// longer than most commands, is paid once. Reads a command a line, writes a result a line.
//
//   fuzz_server SECONDS MEBIBYTES
//   stdin:  {"args": ["predict", ...], "out": PATH of stdout and stderr, "seal": PATH of a manifest that gets its
//           checksum anew; may be left out}
//   stdout: {"code": exit code, null when it was killed; "signal": its number, 0; "mib": resident memory at its most}
//
// A command that takes longer than SECONDS is killed (signal 9, "late": true); one that wants more address space than
// MEBIBYTES beyond this process's own fails to get it.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "core/files/disk.h"
#include "core/files/hash.h"
#include "core/files/read.h"
#include "dist/factory.h"
#include "launch/run.h"

namespace {

using nlohmann::json;

uint64_t address_space() {
  uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// The checksum at a manifest's start covers all that follows.
void seal(const std::string& path) {
  constexpr size_t kBegin = 9, kDigits = 16;
  std::string text = filigree::files::read_file(path);
  if (text.size() <= kBegin + kDigits) return;
  text.replace(kBegin, kDigits, filigree::files::hash_text(text.substr(kBegin + kDigits)));
  std::ofstream(path, std::ios::binary) << text;
}

[[noreturn]] void be_the_command(const json& request, uint64_t memory, filigree::dist::Environment& environment) {
  const int file = ::open(request.at("out").get<std::string>().c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(file, STDOUT_FILENO);
  ::dup2(file, STDERR_FILENO);
  const rlimit limit{address_space() + memory, address_space() + memory};
  ::setrlimit(RLIMIT_AS, &limit);
  const int code = filigree::launch::run(request.at("args").get<std::vector<std::string>>(), environment);
  std::cout.flush();
  std::cerr.flush();
  ::_exit(code);
}

json outcome(pid_t child, double seconds) {
  const auto start = std::chrono::steady_clock::now();
  bool late = false;
  int status = 0;
  rusage usage{};
  while (::wait4(child, &status, late ? 0 : WNOHANG, &usage) == 0) {
    std::this_thread::sleep_for(std::chrono::microseconds(500));
    late = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() > seconds;
    if (late) ::kill(child, SIGKILL);
  }
  return {{"code", WIFEXITED(status) ? json(WEXITSTATUS(status)) : json()},
          {"signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0},
          {"late", late},
          {"mib", usage.ru_maxrss / 1024}};
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = std::stod(argv[1]);
  const uint64_t memory = std::stoull(argv[2]) << 20;
  filigree::files::ignore_file_size_signal();
  filigree::dist::Environment environment(&argc, &argv);
  for (std::string line; std::getline(std::cin, line);) {
    const json request = json::parse(line);
    if (request.contains("seal")) seal(request.at("seal"));
    const pid_t child = ::fork();
    if (child == 0) be_the_command(request, memory, environment);
    std::cout << outcome(child, seconds).dump() << '\n' << std::flush;
  }
  return 0;
}
