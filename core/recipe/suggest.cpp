#include "core/recipe/suggest.h"

#include <algorithm>
#include <cctype>

namespace filigree::recipe {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// The only known name that begins with `name`: "temp" gives "temperature".
std::string completion(const std::string& name, const std::vector<std::string>& known) {
  std::string found;
  for (const std::string& candidate : known) {
    if (name.size() < 3 || !lower(candidate).starts_with(lower(name))) continue;
    if (!found.empty()) return "";
    found = candidate;
  }
  return found;
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
  if (const std::string whole = completion(name, known); !whole.empty()) return whole;
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
  // A longer form of a known name: "directory" for "dir".
  const auto stem = std::find_if(known.begin(), known.end(), [&](const std::string& candidate) {
    return candidate.size() >= 3 && lower(name).starts_with(lower(candidate));
  });
  return stem == known.end() ? "" : *stem;
}

std::string did_you_mean(const std::string& suggestion) {
  return suggestion.empty() ? "" : "; did you mean '" + suggestion + "'?";
}

}  // namespace filigree::recipe
