#pragma once
// A layout of data files: which rows a file has, and what tokens a language model sees of a row.
//
// A new format is a class in a file of its own in core/data/formats, and a line in builtin_formats(). The recipe's
// checks and its reference page take its name and rules from traits().
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/data/formats/table.h"
#include "core/recipe/catalog.h"

namespace filigree::data {

/// A piece of a causal LM sample. Pieces are tokenized one by one.
struct Segment {
  std::string text;
  bool has_loss = true;  ///< whether its tokens, and the end-of-text token after it, are predicted
  bool ends = true;      ///< whether an end-of-text token follows
};

class Format {
 public:
  explicit Format(recipe::FormatTraits traits) : traits_(std::move(traits)) {}
  virtual ~Format() = default;
  Format(const Format&) = delete;
  Format& operator=(const Format&) = delete;

  const recipe::FormatTraits& traits() const { return traits_; }
  const std::string& name() const { return traits_.name; }

  /// The rows of `path`. Throws DataError for a bad file, UsageError for a column that the file lacks.
  virtual Table read(const std::string& path, const TableOptions& options) const = 0;

  /// The file of a split, in data.dir, that the recipe does not name.
  virtual std::string default_file(const std::string& split) const { return split + "." + name(); }

  /// Columns to read if the recipe names none: all of a format whose columns are fixed.
  virtual std::vector<std::string> default_columns() const { return {}; }

  /// The label column of a format that has one of its own; empty otherwise.
  virtual std::string label_column() const { return ""; }
  /// Its classes, in class-number order, and its metrics.
  virtual std::vector<std::string> labels() const { return {}; }
  virtual std::vector<Metric> metrics() const { return {}; }

  /// The directory of its files if data.dir is empty.
  virtual std::string default_dir() const { return ""; }

  /// The causal LM sample of a row. One column: the text and its end, a loss on each. Two columns, as LoRA trains
  /// data-to-text (Hu et al., 2021, examples/NLG): context, end, space and reference, end; no loss on the context.
  virtual std::vector<Segment> segments(const std::vector<std::string>& fields) const;

  /// What precedes the answer to `text`, given the number of text columns; nullopt: the model continues the text.
  virtual std::optional<std::vector<Segment>> prompt(const std::string& text, size_t columns) const;

  /// What messages call the parts of a sample with a context.
  struct Parts {
    std::string context;  ///< what precedes the first token with a loss
    std::string answer;
  };
  virtual Parts parts() const { return {"context", "reference"}; }

 private:
  recipe::FormatTraits traits_;
};

class FormatRegistry {
 public:
  void add(std::unique_ptr<Format> format);
  std::shared_ptr<const Format> find(const std::string& name) const;  ///< throws UsageError
  std::vector<recipe::FormatTraits> traits() const;                   ///< in order of registration

 private:
  std::vector<std::shared_ptr<const Format>> formats_;
};

FormatRegistry builtin_formats();

}  // namespace filigree::data
