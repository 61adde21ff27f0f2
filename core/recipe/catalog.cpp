#include "core/recipe/catalog.h"

#include <algorithm>

namespace filigree::recipe {

const FormatTraits* Catalog::find_format(const std::string& name) const {
  const auto found = std::ranges::find(formats, name, &FormatTraits::name);
  return found == formats.end() ? nullptr : &*found;
}

std::vector<std::string> Catalog::format_names() const {
  std::vector<std::string> names;
  for (const FormatTraits& format : formats) names.push_back(format.name);
  return names;
}

const ScoreTraits* Catalog::find_score(const std::string& name) const {
  const auto found = std::ranges::find(scores, name, &ScoreTraits::name);
  return found == scores.end() ? nullptr : &*found;
}

std::vector<std::string> Catalog::score_names() const {
  std::vector<std::string> names;
  for (const ScoreTraits& score : scores) names.push_back(score.name);
  return names;
}

}  // namespace filigree::recipe
