#pragma once
// The inputs of a command, for the comparison between ranks (core/run/agreement.h).
#include <string>

#include "core/data/input_lines.h"
#include "core/run/agreement.h"
#include "launch/options.h"

namespace filigree::launch {

/// The values of a command's arguments.
template <class Options>
train::Subject given_arguments(const Options& options) {
  std::vector<train::Fact> facts;
  for (const auto& [name, value] : values(options)) facts.push_back({name, value});
  return train::arguments_subject(std::move(facts));
}

/// The text of an --input file.
train::Subject given_lines(const std::string& path, const data::InputLines& lines);

}  // namespace filigree::launch
