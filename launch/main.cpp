// The program filigree. The commands are in commands.cpp, the messages and exit codes of failures in failure.cpp.
#include <csignal>
#include <exception>
#include <iostream>
#include <string_view>

#include "core/files/disk.h"
#include "core/run/stop_signal.h"
#include "launch/failure.h"
#include "launch/options.h"
#include "launch/run.h"
#include "launch/start_limit.h"

namespace {

using namespace filigree;

void handle_signals(int argc, char** argv, char** /*environment*/) {
  if (argc < 2) return;
  const std::string_view command(argv[1]);
  if (command == launch::TrainOptions::kText.name || command == launch::BenchMethodsOptions::kText.name)
    train::handle_stop_signals();
}

// Called before the initialization of the libraries; LibTorch's takes most of the start-up time.
[[gnu::section(".preinit_array"), gnu::used]] void (*const before_libraries)(int, char**, char**) = handle_signals;

}  // namespace

int main(int argc, char** argv) {
  handle_signals(argc, argv, nullptr);  // again: now the environment can be read
  std::set_terminate(launch::end_without_a_handler);
  files::ignore_file_size_signal();  // a file at its size limit is reported like a full disk
  std::signal(SIGPIPE, SIG_IGN);     // a closed reader of stderr must not end a run
  try {
    dist::Environment environment(&argc, &argv, launch::start_limit({argv + 1, argv + argc}));
    return launch::run({argv + 1, argv + argc}, environment);
  } catch (...) {  // the environment itself could not be set up
    const launch::Failure failure = launch::explain(std::current_exception());
    std::cerr << failure.message << '\n';
    return failure.exit_code;
  }
}
