#include "core/recipe/bind.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <type_traits>

#include "core/recipe/suggest.h"
#include "core/recipe/yaml/environment.h"
#include "core/recipe/yaml/scalar.h"
#include "core/shown.h"

namespace filigree::recipe {
namespace {

constexpr size_t kLongestArgument = 100;

std::string join(const std::string& path, const std::string& key) { return path.empty() ? key : path + "." + key; }

std::string parent_of(const std::string& path) {
  const size_t dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

std::vector<std::string> key_names(const Schema& schema) {
  std::vector<std::string> names;
  for (const Field& field : schema.fields()) names.push_back(field.key());
  return names;
}

/// Where a key of earlier versions is now, for one in the wrong section. "" if there is no such key.
std::string present_place(const std::string& old_key, const Catalog& catalog) {
  std::vector<std::string> places;
  for (const auto& [former, path] : former_keys(catalog)) {
    if (former != old_key) continue;
    const std::string home = parent_of(path), key = path.substr(home.empty() ? 0 : home.size() + 1);
    places.push_back(
        fmt::format("'{}' and {}", key, home.empty() ? "is at the top of the recipe" : "belongs in " + home));
  }
  return fmt::format("{}", fmt::join(places, ", or "));
}

/// The only section that has `key`, for a key in the wrong section: "stages[].train". "" if none or several have it.
std::string home_of(const std::string& key, const Catalog& catalog) {
  std::vector<std::string> homes;
  for (const std::string& path : keys(catalog)) {
    if (path.size() > key.size() && path.ends_with("." + key)) homes.push_back(parent_of(path));
  }
  return homes.size() == 1 ? homes.front() : "";
}

/// The method of "stages[].method(dsee)"; "" for another section.
std::string method_in(const std::string& home) {
  const std::string begin = "stages[].method(";
  return home.starts_with(begin) ? home.substr(begin.size(), home.size() - begin.size() - 1) : "";
}

/// The text of a scalar; "" for anything else.
std::string text_of(const Tree* tree) { return tree != nullptr && tree->is(Tree::Kind::scalar) ? tree->text : ""; }

/// `--set KEY=null`: treat the key as not given.
bool is_taken_away(const Tree& value) { return value.is(Tree::Kind::null) && value.origin.from_set(); }

std::string argument_of(const Tree* value) { return value == nullptr ? "" : value->origin.argument; }

std::string after_set(const std::string& argument) {
  return argument.empty() ? "" : fmt::format(" (after --set {})", shown(argument, kLongestArgument));
}

/// Whether --set gave the present name of a key that the file gives under its former name.
bool is_overridden(const Tree& tree, const Entry& item, const Field& field) {
  const Tree* present = item.key == field.key() ? nullptr : tree.find(field.key());
  return present != nullptr && present->origin.from_set();
}

/// A required value with a default may be omitted, but must not be given as empty.
bool must_be_given(const Field& field) { return field.is_required() && field.value_text().empty(); }

std::vector<std::string> names_of(const Tree& list) {
  std::vector<std::string> names;
  for (const Tree& item : list.items) names.push_back(text_of(item.find("name")));
  return names;
}

}  // namespace

bool Source::sound(const std::string& path) const {
  for (std::string at = path; !at.empty(); at = parent_of(at)) {
    if (doubtful.contains(at)) return false;
  }
  return true;
}

bool Source::by_user(const std::string& path) const {
  const auto found = where.find(path);
  return found != where.end() && (old_keys == OldKeys::refuse || found->second.from_set());
}

Origin Source::origin(const std::string& path) const {
  for (std::string at = path; !at.empty(); at = parent_of(at)) {
    if (const auto found = where.find(at); found != where.end()) return found->second;
  }
  return {file, 1};
}

std::string Source::argument(const std::string& path) const {
  for (std::string at = path; !at.empty(); at = parent_of(at)) {
    if (const auto found = removed.find(at); found != removed.end()) return found->second.argument;
    const auto found = where.find(at);
    if (found != where.end() && (found->second.from_set() || at == path)) return found->second.argument;
  }
  return "";
}

Problem Source::problem(const std::string& path, const std::string& message,
                        const std::vector<std::string>& rests_on) const {
  const Origin at = origin(path);
  std::string after = at.from_set() ? "" : argument(path);
  for (const std::string& other : rests_on)
    if (after.empty() && !at.from_set()) after = argument(other);
  return {at.file, at.line, path, message + after_set(after), at.argument};
}

std::string idle_message(const std::string& path, const std::string& when, const std::string& argument) {
  if (argument.empty()) return fmt::format("has no effect: it is used only when {}", when);
  return fmt::format("has no effect after --set {}: it is used only when {}; remove it with --set {}=null",
                     shown(argument, kLongestArgument), when, path);
}

std::string stage_path(const std::vector<std::string>& names, size_t index) {
  const std::string& name = names[index];
  const bool single = std::count(names.begin(), names.end(), name) == 1 && name.find('.') == std::string::npos;
  return fmt::format("stages.{}", single && !name.empty() ? name : std::to_string(index));
}

Source Binder::bind(const Tree& tree, Recipe& recipe) {
  source_ = {};
  source_.file = tree.origin.file;
  source_.old_keys = old_keys_;
  Schema schema(&catalog_);
  describe(recipe, schema);
  section(tree, schema, "", "a recipe");
  return source_;
}

void Binder::section(const Tree& tree, Schema& schema, const std::string& path, const std::string& what) {
  std::map<std::string, Origin> seen;
  for (const Entry& item : tree.entries) {
    const Field* field = field_of(item, schema);
    if (field != nullptr && is_overridden(tree, item, *field)) continue;
    const std::string& key = field == nullptr ? item.key : field->key();
    if (const auto [first, fresh] = seen.emplace(key, item.origin); !fresh) {
      fail(item.origin, join(path, item.key), fmt::format("is given twice, first on line {}", first->second.line));
    } else if (field == nullptr) {
      const bool removed = is_taken_away(item.value) && !item.origin.from_set();
      if (!removed) unknown_key(item, schema, path, what);
    } else if (is_taken_away(item.value)) {
      take_away(item, *field, join(path, key));
    } else {
      entry(item, *field, join(path, key));
    }
  }
  absent_keys(tree, schema, path);
  idle_keys(tree, schema, path);
}

/// A saved recipe may use a former name, --set may not.
const Field* Binder::field_of(const Entry& item, const Schema& schema) const {
  const Field* field = schema.find(item.key);
  const bool saved = old_keys_ == OldKeys::accept && !item.value.origin.from_set();
  return field == nullptr && saved ? schema.find_former(item.key) : field;
}

void Binder::entry(const Entry& item, const Field& field, const std::string& path) {
  source_.where[path] = item.value.origin;
  const size_t before = problems_.size();
  const bool good =
      std::visit([&](const auto& target) { return read(item.value, field, target, path); }, field.target());
  if (!good || problems_.size() != before) return;
  std::string problem = field.problem(item.value.text);
  if (problem.empty() && source_.by_user(path)) problem = field.later_problem();
  if (!problem.empty()) fail(item.value.origin, path, problem);
}

void Binder::unknown_key(const Entry& item, const Schema& schema, const std::string& path, const std::string& what) {
  if (const Field* field = schema.find_former(item.key)) {
    source_.doubtful.insert(join(path, field->key()));
    const Origin& origin = item.value.origin.from_set() ? item.value.origin : item.origin;
    return fail(origin, join(path, item.key), fmt::format("is now called '{}'", field->key()));
  }
  const std::vector<std::string> known = key_names(schema);
  const std::string home = home_of(item.key, catalog_);
  const std::string moved = home.empty() ? present_place(item.key, catalog_) : "";
  if (!moved.empty()) return fail(item.origin, join(path, item.key), "is now called " + moved);
  const std::string guess = home.empty() ? nearest(item.key, known) : "";
  std::string message = fmt::format("is not a key of {}", what);
  if (const std::string other = method_in(home); !other.empty()) {
    message += fmt::format(", but of method {}; it has {}", other, fmt::join(known, ", "));
  } else if (!home.empty()) {
    message += fmt::format("; it belongs in {}", home);
  } else if (!guess.empty()) {
    message += did_you_mean(guess);
    source_.doubtful.insert(join(path, guess));
  } else {
    message += known.empty() ? ", which has no keys" : fmt::format("; it has {}", fmt::join(known, ", "));
  }
  fail(item.origin, join(path, item.key), message);
}

void Binder::take_away(const Entry& item, const Field& field, const std::string& path) {
  source_.removed[path] = item.value.origin;
  if (must_be_given(field)) fail(item.value.origin, path, "is required; null cannot remove it");
}

void Binder::absent_keys(const Tree& tree, const Schema& schema, const std::string& path) {
  for (const Field& field : schema.fields()) {
    const std::string key = join(path, field.key());
    if (!must_be_given(field) || tree.find(field.key()) != nullptr || !source_.sound(key)) continue;
    fail(tree.origin, key, fmt::format("is missing: {}", field.doc()));
  }
}

void Binder::idle_keys(const Tree& tree, const Schema& schema, const std::string& path) {
  for (const Field& field : schema.fields()) {
    const Tree* value = tree.find(field.key());
    const Condition* unmet = field.unmet();
    if (value == nullptr || is_taken_away(*value) || unmet == nullptr || !source_.sound(join(path, unmet->key)))
      continue;
    const bool from_set = value->origin.from_set();
    if (old_keys_ == OldKeys::accept && !from_set) continue;
    const std::string key = join(path, field.key());
    fail(value->origin, key, idle_message(key, unmet->text(), from_set ? "" : argument_of(tree.find(unmet->key))));
  }
}

bool Binder::read(const Tree& tree, const Field& field, const Section& target, const std::string& path) {
  if (!tree.is(Tree::Kind::map)) {
    fail(tree.origin, path, fmt::format("must be a section of 'key: value' lines, not {}", describe_kind(tree)));
    return false;
  }
  target.create();
  Schema schema(&catalog_);
  target.describe(schema);
  section(tree, schema, path, field.key());
  return true;
}

bool Binder::read(const Tree& tree, const Field& /*field*/, const SectionList& target, const std::string& path) {
  if (!tree.is(Tree::Kind::list) || tree.items.empty()) {
    fail(tree.origin, path,
         tree.is(Tree::Kind::list) ? "is empty"
                                   : fmt::format("must be a list ('- name: ...'), not {}", describe_kind(tree)));
    return false;
  }
  const std::vector<std::string> names = names_of(tree);
  for (size_t i = 0; i < tree.items.size(); ++i) {
    const Tree& item = tree.items[i];
    target.append();
    const std::string item_path = stage_path(names, i);
    source_.where[item_path] = item.origin;
    if (!item.is(Tree::Kind::map)) {
      fail(item.origin, item_path, fmt::format("must be a section of 'key: value' lines, not {}", describe_kind(item)));
      continue;
    }
    Schema schema(&catalog_);
    target.describe(i, schema);
    section(item, schema, item_path, "a stage");
  }
  return true;
}

bool Binder::read(const Tree& tree, const Field& field, std::vector<std::string>* target, const std::string& path) {
  if (!tree.is(Tree::Kind::list)) {
    const std::string example = tree.is(Tree::Kind::scalar) ? fmt::format("; write [{}]", shown(tree.text)) : "";
    fail(tree.origin, path, fmt::format("must be a list, not {}{}", describe_kind(tree), example));
    return false;
  }
  target->clear();
  for (size_t i = 0; i < tree.items.size(); ++i) {
    std::string item;
    if (!read(tree.items[i], field, &item, fmt::format("{}.{}", path, i))) {
      source_.doubtful.insert(path);
      return false;
    }
    target->push_back(std::move(item));
  }
  return true;
}

template <class T>
bool Binder::read(const Tree& tree, const Field& field, std::optional<T>* target, const std::string& path) {
  if (tree.is(Tree::Kind::null)) {
    target->reset();
    return false;
  }
  T value{};
  if (!read(tree, field, &value, path)) return false;
  *target = std::move(value);
  return true;
}

template <class T>
bool Binder::read(const Tree& tree, const Field& /*field*/, T* target, const std::string& path) {
  std::string problem;
  if (!tree.is(Tree::Kind::scalar)) {
    const char* wanted = std::is_same_v<T, std::string> ? "text"
                         : std::is_same_v<T, bool>      ? "true or false"
                                                        : "a number";
    problem = fmt::format("must be {}, not {}", wanted, describe_kind(tree));
  } else if (const auto text = substitute(tree.text, variable, problem)) {
    problem = parse_scalar(*text, tree.quoted, *target);
  }
  if (!problem.empty()) fail(tree.origin, path, problem);
  return problem.empty();
}

bool Binder::read(const Tree& tree, const Field& /*field*/, std::optional<MethodConfig>* target,
                  const std::string& path) {
  target->emplace();
  method(tree, **target, path);
  return false;
}

bool Binder::read(const Tree& tree, const Field& field, const Choice& target, const std::string& path) {
  std::string name;
  if (!read(tree, field, &name, path)) return false;
  if (!target.set(name)) fail(tree.origin, path, field.choice_problem(name));
  return true;
}

bool Binder::read(const Tree& tree, const Field& field, const ChoiceList& target, const std::string& path) {
  std::vector<std::string> names;
  if (!read(tree, field, &names, path)) return false;
  for (const std::string& name : names) {
    const std::string problem = field.choice_problem(name);
    if (problem.empty()) continue;
    fail(tree.origin, path, problem);
    return false;
  }
  return target.set(names);
}

void Binder::method(const Tree& tree, MethodConfig& config, const std::string& path) {
  const Tree* name = tree.is(Tree::Kind::map) ? tree.find("name") : &tree;
  if (name == nullptr || !name->is(Tree::Kind::scalar)) {
    fail(name == nullptr ? tree.origin : name->origin, path,
         "must name a method: write 'method: full' or {name: dsee, rank: 16}");
    return;
  }
  std::vector<std::string> known;
  for (const auto& [method_name, unused] : catalog_.methods.entries()) known.push_back(method_name);
  const auto found = catalog_.methods.entries().find(name->text);
  if (found == catalog_.methods.entries().end()) {
    const std::string guess = nearest(name->text, known);
    fail(name->origin, path,
         fmt::format("'{}' is not a method (use one of {}){}", shown(name->text), fmt::join(known, ", "),
                     did_you_mean(guess)));
    return;
  }
  config.options = found->second.make();
  Schema schema(&catalog_);
  schema.field("name", config.name, "the method");
  config.options->describe(schema);
  config.name = name->text;
  const std::string after = after_set(tree.origin.from_set() ? "" : name->origin.argument);
  section(tree, schema, path, "method " + shown(name->text) + after);
}

void Binder::fail(const Origin& origin, const std::string& path, const std::string& message) {
  problems_.push_back({origin.file, origin.line, path, message, origin.argument});
  source_.doubtful.insert(path);
}

}  // namespace filigree::recipe
