#pragma once
// What is wrong with a text that is not YAML, in words that need no knowledge of a YAML parser.
#include <string>

namespace filigree::recipe {

/// `message`: of yaml-cpp. Returns the problem and the remedy: "a '[' has no ']', or ...".
std::string explain_syntax(const std::string& message);

}  // namespace filigree::recipe
