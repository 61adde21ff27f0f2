#include "core/recipe/suggest.h"

#include <algorithm>
#include <cctype>

namespace filigree::recipe {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string nearest(const std::string& name, const std::vector<std::string>& known) {
  if (name.empty() || name.size() > 64) return "";
  std::string best;
  size_t best_distance = std::max<size_t>(1, (name.size() + 1) / 3) + 1;
  for (const std::string& candidate : known) {
    const size_t distance = edit_distance(lower(name), lower(candidate));
    if (distance < best_distance && distance < std::max(name.size(), candidate.size())) {
      best = candidate;
      best_distance = distance;
    }
  }
  if (!best.empty()) return best;
  // A cut-off or drawn-out name: "temp" for "temperature", "learning_rate" is not near "lr" and stays without a guess.
  for (const std::string& candidate : known) {
    const size_t shorter = std::min(name.size(), candidate.size());
    if (shorter >= 3 && lower(name).substr(0, shorter) == lower(candidate).substr(0, shorter)) return candidate;
  }
  return "";
}

std::string did_you_mean(const std::string& suggestion) {
  return suggestion.empty() ? "" : ", did you mean '" + suggestion + "'?";
}

}  // namespace filigree::recipe
