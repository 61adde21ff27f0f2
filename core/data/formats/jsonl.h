#pragma once
// JSON lines: each line is an object, whose keys are the columns. Numbers and booleans are read as JSON writes them.
#include "core/data/format.h"

namespace filigree::data {

class Jsonl : public Format {
 public:
  Jsonl();
  Table read(const std::string& path, const TableOptions& options) const override;
};

}  // namespace filigree::data
