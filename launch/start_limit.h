#pragma once
// How long the ranks of a job wait for each other when MPI starts, before any command has run.
#include <string>
#include <vector>

namespace filigree::launch {

/// parallel.timeout of the recipe that `filigree WORDS...` names (train, bench), in seconds; 600 if there is none or if
/// it cannot be read, which the command itself reports.
double start_limit(const std::vector<std::string>& words);

}  // namespace filigree::launch
