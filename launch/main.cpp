// filigree: the program. Commands are in commands.cpp, what their failures mean in failure.cpp.
#include <exception>
#include <iostream>

#include "core/files/disk.h"
#include "core/train/stop_signal.h"
#include "launch/failure.h"
#include "launch/options.h"
#include "launch/run.h"
#include "launch/start_limit.h"

int main(int argc, char** argv) {
  using namespace filigree;
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words[0] == launch::TrainOptions::kText.name) train::handle_stop_signals();
  std::set_terminate(launch::end_without_a_handler);
  files::ignore_file_size_signal();  // a file that may not grow is told as a full disk is
  try {
    dist::Environment environment(&argc, &argv, launch::start_limit(words));
    return launch::run({argv + 1, argv + argc}, environment);
  } catch (...) {  // the environment itself could not be set up
    const launch::Failure failure = launch::explain(std::current_exception());
    std::cerr << failure.message << '\n';
    return failure.exit_code;
  }
}
