#pragma once
// Patterns for dotted names, such as those of linears. A pattern matches a name that ends in its words: "query" matches
// "bert.encoder.layer.0.attention.self.query", and "3.output.dense" matches one linear of layer 3. '*' matches any one
// word: "layer.*.output.dense".
#include <string>
#include <string_view>
#include <vector>

namespace filigree {

/// The words of a name, split at dots.
std::vector<std::string_view> words_of(std::string_view name);

/// Whether the pattern `target` matches `name`. If `name` is a pattern itself: whether `target` matches every name that
/// it matches.
bool names(const std::string& target, const std::string& name);

}  // namespace filigree
