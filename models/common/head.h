#pragma once
// Labels and head of a sequence task: what config.json says of them, and whether that fits what is asked for.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "models/common/config_reader.h"

namespace filigree::models {

/// How the head in the files relates to the labels asked for, as far as config.json tells.
struct HeadFit {
  std::vector<int64_t> order;  ///< for each label asked for, the class of the head in the files; empty: the same
  std::string mismatch;        ///< why that head is of no use; "": it is
};

struct Labels {
  int64_t count = 0;
  HeadFit fit;
};

/// Number of labels: what the options say, else config.json (id2label, num_labels). Writes the names into `json`. A
/// task over tokens has no labels: `fallback`. Values of id2label may be text or numbers, as transformers takes them;
/// DataError when id2label is not an object that names each class from 0 on.
Labels read_labels(const ConfigReader& in, const ModelOptions& options, int64_t fallback, nlohmann::json& json);

/// The task of a model directory, from the architecture, the kind of problem and the number of labels that config.json
/// names; sequence_classification where it says nothing.
nn::Task task_in(const ConfigReader& in);

}  // namespace filigree::models
