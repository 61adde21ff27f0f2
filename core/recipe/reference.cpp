// keys() and the reference page: both walk the schema of a recipe with every optional section present.
#include <fmt/format.h>

#include <functional>

#include "core/recipe/load.h"
#include "core/recipe/schema.h"

namespace filigree::recipe {
namespace {

/// Calls visit(path, field) for each field, a section before its fields.
class Walker {
 public:
  using Visit = std::function<void(const std::string& path, const Field& field)>;
  Walker(const Catalog& catalog, Visit visit) : catalog_(catalog), visit_(std::move(visit)) {}

  void walk(Schema& schema, const std::string& prefix) {
    for (const Field& field : schema.fields()) {
      visit_(prefix + field.key(), field);
      std::visit([&](const auto& target) { descend(target, prefix + field.key()); }, field.target());
    }
  }

 private:
  template <class T>
  void descend(T*, const std::string&) {}

  void descend(const Choice&, const std::string&) {}
  void descend(const ChoiceList&, const std::string&) {}

  void descend(const Section& target, const std::string& path) {
    target.create();
    Schema schema(&catalog_);
    target.describe(schema);
    walk(schema, path + ".");
  }

  void descend(const SectionList& target, const std::string& path) {
    target.append();
    Schema schema(&catalog_);
    target.describe(target.size() - 1, schema);
    walk(schema, path + "[].");
  }

  void descend(std::optional<MethodConfig>*, const std::string& path) {
    for (const auto& [name, entry] : catalog_.methods.entries()) {
      const auto options = entry.make();
      Schema schema(&catalog_);
      options->describe(schema);
      walk(schema, fmt::format("{}({}).", path, name));
    }
  }

  const Catalog& catalog_;
  Visit visit_;
};

void walk_recipe(const Catalog& catalog, Walker::Visit visit) {
  Recipe recipe;
  Schema schema(&catalog);
  describe(recipe, schema);
  Walker(catalog, std::move(visit)).walk(schema, "");
}

std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string default_of(const Field& field) {
  const std::string value = field.value_text();
  const bool scalar =
      !std::holds_alternative<Section>(field.target()) && !std::holds_alternative<SectionList>(field.target());
  if (!value.empty() && field.has_default()) return "`" + value + "`";
  return field.is_required() ? "**required**" : scalar ? "none" : "";
}

std::string row(const Field& field) {
  std::string note = field.doc();
  if (!field.allowed().empty()) note += "; " + field.allowed();
  if (!field.when().empty()) note += fmt::format("; only when {}", field.when());
  return fmt::format("| `{}` | {} | {} | {} |\n", field.key(), field.type_name(), default_of(field), cell(note));
}

constexpr const char* kTableHead = "\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n";

constexpr const char* kIntroduction = R"(# Recipe reference

Every key of a recipe. This page is generated from the program's list of keys; do not edit it. After
changing a key, run the test `recipes_test` once with `FILIGREE_UPDATE_DOCS=1`.

- An unknown or repeated key, a wrong type or a value out of range is an error. All errors are
  reported at once, with their lines.
- A key without effect in its place is an error, also with an empty value or its default. So is one
  that loses its effect by `--set`.
- `${NAME}` in a value is replaced by the environment variable of that name. `FILIGREE_HOME`
  defaults to `~/.cache/filigree`, `FILIGREE_MODELS` and `FILIGREE_DATA` to `models` and `data` in
  it; any other unset variable is an error. `$${` is a literal `${`.
- `--set section.key=value` accepts the same keys and overrides the file. Refer to a stage by its
  name or number: `--set stages.adapt.train.lr=1e-4`, `--set stages.0.train.max_steps=30`. A value
  is YAML: `--set 'data.text=[a, b]'`; `null` removes an optional section or value:
  `--set stages.recover.train.distill=null`.
- `filigree check RECIPE` reports every problem without starting a run.
)";

/// The page's tables, one per section, in the order in which sections are visited.
class Page {
 public:
  explicit Page(const Catalog& catalog) : catalog_(catalog) { open("", ""); }

  void add(const std::string& path, const Field& field) {
    const size_t dot = path.rfind('.');
    const std::string parent = dot == std::string::npos ? "" : path.substr(0, dot);
    tables_[index_of(parent)].rows += row(field);
    if (std::holds_alternative<Section>(field.target())) open(path, field.doc());
    if (std::holds_alternative<SectionList>(field.target())) open(path + "[]", field.doc());
    if (std::holds_alternative<std::optional<MethodConfig>*>(field.target())) open_methods(path);
  }

  std::string text() const {
    std::string out = kIntroduction;
    for (const Table& table : tables_) {
      out += table.path.empty() ? "\n## The recipe\n" : fmt::format("\n## `{}`\n\n{}.\n", table.path, table.doc);
      out += table.rows.empty() ? "\nIt has no options.\n" : kTableHead + table.rows;
      if (table.path == "data") out += formats();
      if (table.path == "stages[].prune") out += scores();
    }
    return out;
  }

 private:
  struct Table {
    std::string path, doc, rows;
  };

  std::string formats() const {
    std::string out = "\nThe formats:\n\n| format | a row | use with `model.task` |\n| --- | --- | --- |\n";
    for (const FormatTraits& format : catalog_.formats)
      out += fmt::format("| `{}` | {} | {} |\n", format.name, cell(format.help),
                         fmt::join(enum_names_of(format.tasks), ", "));
    return out;
  }

  std::string scores() const {
    std::string out = "\nThe scores:\n\n| score | importance | scores | reads data |\n| --- | --- | --- | --- |\n";
    for (const ScoreTraits& score : catalog_.scores)
      out +=
          fmt::format("| `{}` | {} | {} | {} |\n", score.name, cell(score.help),
                      score.of_entries ? "heads, neurons, weights" : "heads, neurons", score.reads_data ? "yes" : "");
    return out;
  }

  void open(const std::string& path, std::string doc) {
    if (!doc.empty()) doc[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(doc[0])));
    tables_.push_back({path, doc, ""});
  }

  void open_methods(const std::string& path) {
    for (const auto& [name, entry] : catalog_.methods.entries()) open(fmt::format("{}({})", path, name), entry.help);
  }

  size_t index_of(const std::string& path) const {
    for (size_t i = 0; i < tables_.size(); ++i) {
      if (tables_[i].path == path) return i;
    }
    return 0;
  }

  const Catalog& catalog_;
  std::vector<Table> tables_;
};

}  // namespace

std::vector<std::string> keys(const Catalog& catalog) {
  std::vector<std::string> paths;
  walk_recipe(catalog, [&](const std::string& path, const Field&) { paths.push_back(path); });
  return paths;
}

std::vector<std::pair<std::string, std::string>> former_keys(const Catalog& catalog) {
  std::vector<std::pair<std::string, std::string>> found;
  walk_recipe(catalog, [&](const std::string& path, const Field& field) {
    if (!field.former_key().empty()) found.emplace_back(field.former_key(), path);
  });
  return found;
}

std::vector<NumberKey> number_keys(const Catalog& catalog) {
  std::vector<NumberKey> numbers;
  walk_recipe(catalog, [&](const std::string& path, const Field& field) {
    if (field.range()) numbers.push_back({path, *field.range(), field.type_name() == "whole number"});
  });
  return numbers;
}

std::string reference(const Catalog& catalog) {
  Page page(catalog);
  walk_recipe(catalog, [&](const std::string& path, const Field& field) { page.add(path, field); });
  return page.text();
}

}  // namespace filigree::recipe
