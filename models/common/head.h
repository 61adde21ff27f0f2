#pragma once
// Labels and head of a sequence task according to config.json, and whether they fit the requested labels.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "models/common/config_reader.h"

namespace filigree::models {

/// How the head in the files relates to the requested labels, according to config.json.
struct HeadFit {
  std::vector<int64_t> order;  ///< for each requested label, the class of the head in the files; empty: the same
  std::string mismatch;        ///< why that head cannot be used; "": it can
};

struct Labels {
  int64_t count = 0;
  HeadFit fit;
};

/// Number of labels: from the options, else from config.json (id2label, num_labels). Writes the names into `json`. A
/// task over tokens has no labels: `fallback`. Values of id2label may be text or numbers, as in transformers. Throws
/// DataError when id2label is not an object that names each class from 0 on.
Labels read_labels(const ConfigReader& in, const ModelOptions& options, int64_t fallback, nlohmann::json& json);

/// The task of a model directory, from the architecture, the problem type and the number of labels in config.json;
/// sequence_classification if it has none of them.
Task task_in(const ConfigReader& in);

}  // namespace filigree::models
