#pragma once
// Checks that all ranks have the same program, recipe, arguments and files before they work together. Ranks
// that differ would train and write a model that matches neither, or wait for each other until the deadline.
//
// If all ranks agree, this is one exchange of a few bytes; the facts themselves are exchanged only to report
// the differences.
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "core/recipe/recipe.h"
#include "dist/communicator.h"

namespace filigree::train {

struct Fact {
  std::string name;   ///< "stages.0.train.lr", "config.json"
  std::string value;  ///< as shown in the message
};

/// Facts of one kind, which are compared by name.
struct Subject {
  std::string what;    ///< "recipe": "rank 1 (host) has a different recipe than rank 0 (host)"
  std::string advice;  ///< what to do if they differ: "Start all ranks with ..."
  int exit_code = 2;   ///< 2 for the command line and the recipe, 3 for files
  std::vector<Fact> facts;
};

/// Every rank returns if all ranks have the same subjects. Otherwise every rank throws the same UsageError or
/// DataError, which names a rank that differs from most others, its host, and the differing facts with both
/// values, the lower rank's first. Collective.
void require_agreement(dist::Communicator& ranks, const std::vector<Subject>& subjects);

/// Every key of the resolved recipe with its value.
Subject recipe_subject(const recipe::Recipe& recipe);

/// The running program, by content.
Subject program_subject();

/// The kind of device and the precision that this rank would compute with: "auto" may resolve differently per host.
Subject device_subject(at::Device device, at::ScalarType compute);

/// Command-line arguments other than the recipe.
Subject arguments_subject(std::vector<Fact> arguments);

}  // namespace filigree::train
