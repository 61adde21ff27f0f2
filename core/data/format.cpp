#include "core/data/format.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/data/formats/delimited.h"
#include "core/data/formats/jsonl.h"
#include "core/data/formats/lines.h"
#include "core/data/formats/messages.h"
#include "core/data/formats/prompt_completion.h"
#include "core/data/formats/triples.h"
#include "core/data/formats/wordnet.h"
#include "core/error.h"

namespace filigree::data {

std::vector<Segment> Format::segments(const std::vector<std::string>& fields) const {
  if (fields.size() == 1) return {{fields[0]}};
  return {{fields.at(0), /*has_loss=*/false}, {" " + fields.at(1)}};
}

std::optional<std::vector<Segment>> Format::prompt(const std::string& text, size_t columns) const {
  if (columns != 2) return std::nullopt;
  return std::vector<Segment>{{text, /*has_loss=*/false}};
}

void FormatRegistry::add(std::unique_ptr<Format> format) {
  FG_CHECK(std::ranges::none_of(formats_, [&](const auto& other) { return other->name() == format->name(); }),
           "format '{}' already exists", format->name());
  formats_.push_back(std::move(format));
}

std::shared_ptr<const Format> FormatRegistry::find(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& format : formats_) {
    if (format->name() == name) return format;
    names.push_back(format->name());
  }
  throw UsageError(fmt::format("unknown format '{}': use one of {}", name, fmt::join(names, ", ")));
}

std::vector<recipe::FormatTraits> FormatRegistry::traits() const {
  std::vector<recipe::FormatTraits> all;
  for (const auto& format : formats_) all.push_back(format->traits());
  return all;
}

FormatRegistry builtin_formats() {
  FormatRegistry formats;
  formats.add(std::make_unique<Tsv>());
  formats.add(std::make_unique<Csv>());
  formats.add(std::make_unique<Jsonl>());
  formats.add(std::make_unique<TextLines>());
  formats.add(std::make_unique<E2e>());
  formats.add(std::make_unique<WebNlg>());
  formats.add(std::make_unique<Dart>());
  formats.add(std::make_unique<PromptCompletion>());
  formats.add(std::make_unique<Messages>());
  formats.add(std::make_unique<WordNet>());
  return formats;
}

}  // namespace filigree::data
