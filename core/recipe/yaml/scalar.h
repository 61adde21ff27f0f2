#pragma once
// Strict parsing of one scalar. Each function returns the problem, or "" after setting `out`. A quoted scalar is text,
// never a number.
#include <cstdint>
#include <string>

#include "core/recipe/yaml/tree.h"

namespace filigree::recipe {

std::string parse_scalar(const std::string& text, bool quoted, int64_t& out);
std::string parse_scalar(const std::string& text, bool quoted, double& out);
std::string parse_scalar(const std::string& text, bool quoted, bool& out);
std::string parse_scalar(const std::string& text, bool quoted, std::string& out);

/// "a list", "a section", "nothing" or "'text'", for messages.
std::string describe_kind(const Tree& tree);

}  // namespace filigree::recipe
