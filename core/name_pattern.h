#pragma once
// Patterns for dotted names, such as those of linears. A pattern names what has its words last: "query" matches
// "bert.encoder.layer.0.attention.self.query", "3.output.dense" one of layer 3, and '*' any one word:
// "layer.*.output.dense".
#include <string>
#include <string_view>
#include <vector>

namespace filigree {

/// The words of a name, which dots part.
std::vector<std::string_view> words_of(std::string_view name);

/// Whether the pattern `target` matches `name`. `name` may be a pattern itself: then, whether `target` matches all that
/// it matches.
bool names(const std::string& target, const std::string& name);

}  // namespace filigree
