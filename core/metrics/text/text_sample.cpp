#include "core/metrics/text/text_sample.h"

#include <fmt/format.h>

#include <unordered_map>

#include "core/error.h"

namespace filigree::text_metrics {
namespace {

std::string_view without_ends(std::string_view line) {
  constexpr std::string_view kSpace = " \t\r\v\f";
  const size_t begin = line.find_first_not_of(kSpace);
  return begin == line.npos ? std::string_view() : line.substr(begin, line.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

std::vector<References> reference_blocks(std::string_view text) {
  std::vector<References> blocks;
  bool open = false;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const auto line = without_ends(text.substr(0, end));
    if (!line.empty()) {
      if (!open) blocks.emplace_back();
      blocks.back().emplace_back(line);
    }
    open = !line.empty();
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return blocks;
}

Grouped group_by_source(const std::vector<std::pair<std::string, std::string>>& source_and_reference) {
  Grouped grouped;
  std::unordered_map<std::string_view, size_t> places;
  for (const auto& [source, reference] : source_and_reference) {
    const auto [place, is_new] = places.emplace(source, grouped.sources.size());
    if (is_new) {
      grouped.sources.push_back(source);
      grouped.references.emplace_back();
    }
    grouped.references[place->second].push_back(reference);
  }
  return grouped;
}

std::vector<TextSample> pair_up(std::vector<std::string> hypotheses, std::vector<References> references) {
  if (references.size() == 1 && hypotheses.size() > 1 && references.front().size() == hypotheses.size()) {
    std::vector<References> single;
    for (auto& reference : references.front()) single.push_back({std::move(reference)});
    references = std::move(single);
  }
  if (hypotheses.size() != references.size())
    throw DataError(fmt::format("{} hypotheses, but references for {} samples; each hypothesis needs its own",
                                hypotheses.size(), references.size()));
  std::vector<TextSample> samples;
  for (size_t i = 0; i < hypotheses.size(); ++i)
    samples.push_back({std::move(hypotheses[i]), std::move(references[i])});
  return samples;
}

}  // namespace filigree::text_metrics
