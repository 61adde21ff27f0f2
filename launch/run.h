#pragma once
// One call of the program, from its words to its exit code.
#include <string>
#include <vector>

#include "dist/factory.h"

namespace filigree::launch {

/// Runs `filigree WORDS...`, tells a failure on stderr and ends the job of many ranks with it. Throws nothing.
int run(const std::vector<std::string>& words, dist::Environment& environment);

}  // namespace filigree::launch
