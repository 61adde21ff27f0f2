#pragma once
// What all ranks must have alike before they work together: the program, the recipe, the arguments, the files. Ranks
// that differ would train on and write a model of neither, or wait for each other until the deadline.
//
// One exchange of a few bytes when all are alike; the facts themselves are exchanged only to say what differs.
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "core/recipe/recipe.h"
#include "dist/communicator.h"

namespace filigree::train {

struct Fact {
  std::string name;   ///< "stages.0.train.lr", "config.json"
  std::string value;  ///< as the message is to show it
};

/// Facts of one kind, which are compared by name.
struct Subject {
  std::string what;    ///< "recipe": "rank 1 (host) has another recipe than rank 0 (host)"
  std::string advice;  ///< what to do when they differ: "Start all ranks with ..."
  int exit_code = 2;   ///< 2 for what was typed, 3 for files
  std::vector<Fact> facts;
};

/// Every rank returns when all ranks have the same subjects. Otherwise every rank throws the same UsageError or
/// DataError, which names a rank that differs from most others, its host, and the facts that differ with both values.
/// Collective.
void require_agreement(dist::Communicator& ranks, const std::vector<Subject>& subjects);

/// Every key of the resolved recipe with its value.
Subject recipe_subject(const recipe::Recipe& recipe);

/// The program that runs, by content.
Subject program_subject();

/// The kind of device and the precision that this rank would compute with: "auto" may differ by host.
Subject device_subject(at::Device device, at::ScalarType compute);

/// What was typed besides the recipe.
Subject arguments_subject(std::vector<Fact> arguments);

}  // namespace filigree::train
