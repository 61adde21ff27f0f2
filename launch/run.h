#pragma once
// One run of the program, from its arguments to its exit code.
#include <string>
#include <vector>

#include "dist/factory.h"

namespace filigree::launch {

/// Runs `filigree WORDS...`. Prints a failure on stderr and ends a job of several ranks. Does not throw.
int run(const std::vector<std::string>& words, dist::Environment& environment);

}  // namespace filigree::launch
