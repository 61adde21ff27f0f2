#pragma once
// The output of `filigree --version`: the program's version, LibTorch's, and the backends in this build.
#include <string>

namespace filigree::launch {

inline constexpr const char* kVersion = "0.1.0";  // as in CMakeLists.txt; a test compares the two

std::string version_text();

}  // namespace filigree::launch
