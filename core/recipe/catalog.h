#pragma once
// What a recipe may name: methods with the structs of their options, data formats with what their checks need, and the
// presets of data.task.
// core/adapt and core/data fill it (adapt::builtin_methods(), data::builtin_formats()), so that the loader knows no
// method and no format.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/recipe/recipe.h"

namespace filigree::recipe {

class MethodCatalog {
 public:
  using Make = std::function<std::shared_ptr<MethodOptions>()>;
  void add(const std::string& name, const std::string& help, Make make) { entries_[name] = {help, std::move(make)}; }

  struct Entry {
    std::string help;
    Make make;
  };
  const std::map<std::string, Entry>& entries() const { return entries_; }

 private:
  std::map<std::string, Entry> entries_;
};

/// What the keys under `data` mean for one data format.
struct FormatTraits {
  std::string name;
  std::string help;                       ///< what one row is, for the reference page
  bool named_columns = false;             ///< data.text and data.label name columns; otherwise the columns are fixed
  bool header = false;                    ///< the first line may name the columns (data.header)
  std::vector<std::string> columns = {};  ///< fixed columns from which data.text may choose for causal_lm
  std::vector<Task> tasks = {};           ///< values of model.task that it can be used with
  std::string content = {};      ///< what it contains, for the error about another task: "texts without labels"
  bool contexts = false;         ///< each row has a context and an answer
  bool packs = false;            ///< data.pack may concatenate its rows
  bool has_default_dir = false;  ///< data.dir may be left out
};

/// What the rules of a recipe need to know of a score (prune.score).
struct ScoreTraits {
  std::string name;
  std::string help;              ///< for the reference page
  bool of_entries = true;        ///< single weights have it; heads and neurons always do
  bool reads_data = false;       ///< it uses prune.batches
  bool regrows = false;          ///< a weight that a mask zeroes has one that may change
  bool scaled_by_layer = false;  ///< a sum over weights, which differs in scale between layers
  bool needs_update = false;     ///< it is undefined before a method was attached
};

struct Catalog {
  MethodCatalog methods;
  std::vector<FormatTraits> formats;
  std::vector<std::string> presets = {};  ///< values of data.task
  std::vector<ScoreTraits> scores = {};

  const FormatTraits* find_format(const std::string& name) const;  ///< nullptr: unknown
  std::vector<std::string> format_names() const;
  const ScoreTraits* find_score(const std::string& name) const;  ///< nullptr: unknown
  std::vector<std::string> score_names() const;
};

}  // namespace filigree::recipe
