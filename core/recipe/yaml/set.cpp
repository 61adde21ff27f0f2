#include "core/recipe/yaml/set.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <optional>

#include "core/error.h"
#include "core/recipe/suggest.h"
#include "core/shown.h"

namespace filigree::recipe {
namespace {

constexpr const char* kForm = "needs the form key=value, e.g. seed=1 or stages.adapt.train.lr=1e-4";

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts(1);
  for (const char c : path) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::optional<size_t> number(const std::string& text) {
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty() ? std::optional(value)
                                                                                   : std::nullopt;
}

std::vector<std::string> item_names(const Tree& list) {
  std::vector<std::string> names;
  for (const Tree& item : list.items) {
    if (const Tree* name = item.find("name"); name != nullptr) names.push_back(name->text);
  }
  return names;
}

Tree& find_item(Tree& list, const std::string& part) {
  if (const auto index = number(part)) {
    if (*index < list.items.size()) return list.items[*index];
    throw UsageError(
        fmt::format("there is no item {}; the list has {}, counted from 0", shown(part), list.items.size()));
  }
  for (Tree& item : list.items) {
    if (const Tree* name = item.find("name"); name != nullptr && name->text == part) return item;
  }
  const std::vector<std::string> names = item_names(list);
  const std::string guess = nearest(part, names);
  throw UsageError(fmt::format("there is no item '{}'{}", shown(part),
                               !guess.empty()  ? did_you_mean(guess)
                               : names.empty() ? "; the list items have no names: use a number"
                                               : fmt::format("; use one of {}", fmt::join(names, ", "))));
}

/// Turns `node` into a section if possible: if it is empty, or a method given only by name.
void open_section(Tree& node, const std::string& key, const Origin& origin) {
  if (node.is(Tree::Kind::map)) return;
  Tree section{.kind = Tree::Kind::map, .entries = {}, .origin = origin};
  if (node.is(Tree::Kind::scalar)) {
    if (key != "method")
      throw UsageError(fmt::format("{} is a value ('{}') and has no keys", shown(key), shown(node.text)));
    section.origin = node.origin;
    section.set("name", node);
  }
  node = std::move(section);
}

Tree& child(Tree& node, const std::string& key, const std::string& part, const Origin& origin) {
  if (node.is(Tree::Kind::list)) return find_item(node, part);
  open_section(node, key, origin);
  if (node.find(part) == nullptr) node.set(part, {.entries = {}, .origin = origin});
  return *node.find(part);
}

/// `epochs` and `max_steps` exclude each other: setting one removes the other if it comes from the file.
void drop_alternative(Tree& parent, const std::string& key, const std::string& argument,
                      std::vector<std::string>& notes) {
  const std::string other = key == "max_steps" ? "epochs" : key == "epochs" ? "max_steps" : "";
  const Tree* value = parent.find(other);
  if (value == nullptr || value->origin.from_set()) return;
  if (!value->is(Tree::Kind::null))
    notes.push_back(fmt::format("--set {} replaces {}: {} of {}:{}", shown(argument), other, shown(value->text),
                                value->origin.file, value->origin.line));
  parent.erase(other);
}

void put(Tree& recipe, const std::string& path, Tree value, const std::string& argument,
         std::vector<std::string>& notes) {
  const std::vector<std::string> parts = split(path);
  Tree* node = &recipe;
  Tree* parent = nullptr;
  std::string key;
  for (const std::string& part : parts) {
    if (part.empty()) throw UsageError(kForm);
    Tree& next = child(*node, key, part, value.origin);
    parent = node;
    node = &next;
    key = part;
  }
  const bool taken_away = value.is(Tree::Kind::null);
  if (taken_away && parent->is(Tree::Kind::list))
    throw UsageError("null removes optional keys and sections, but no item of a list; edit the recipe");
  *node = std::move(value);
  if (!taken_away) drop_alternative(*parent, key, argument, notes);
}

}  // namespace

void apply_set(Tree& recipe, const std::string& argument, std::vector<Problem>& problems,
               std::vector<std::string>& notes) {
  const size_t equals = argument.find('=');
  if (equals == std::string::npos || equals == 0) {
    problems.push_back({kSetOrigin, 0, argument, kForm});
    return;
  }
  const std::string path = argument.substr(0, equals);
  try {
    put(recipe, path, parse_value(argument.substr(equals + 1), argument), argument, notes);
  } catch (const UsageError& error) {
    problems.push_back({kSetOrigin, 0, path, error.what()});
  }
}

}  // namespace filigree::recipe
