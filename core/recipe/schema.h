#pragma once
// The one list of a struct's keys. describe() of a struct of recipe.h, or of a method's options, lists each field once:
// key, reference to the value, one line of documentation, and what is allowed. The strict loader, --set, the writer of
// the resolved recipe and docs/recipe-reference.md are loops over that list.
//
//   void DseeOptions::describe(Schema& schema) {
//     schema.field("rank", rank, "rank r of the low-rank update", from(1).to(65536));
//     schema.field("support", support, "how the positions of S2 are chosen").one_of({"grebsmo", "random"});
//     schema.field("targets", targets, "linears that get an update, by the last words of their names").required();
//   }
//
// A number needs a range (range.h). The value that the struct has when describe() runs is the field's default. Fields
// point into the struct, which must not move while its Schema exists. A nested struct T needs a free function
// describe(T&, Schema&) in its namespace.
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/enum_names.h"
#include "core/recipe/catalog.h"
#include "core/recipe/range.h"
#include "core/recipe/recipe.h"

namespace filigree::recipe {

/// A nested struct; `create` creates an optional one, `present` returns whether it exists.
struct Section {
  std::function<void(Schema&)> describe;
  std::function<bool()> present;
  std::function<void()> create;
};

/// A list of nested structs.
struct SectionList {
  std::function<size_t()> size;
  std::function<void()> append;
  std::function<void(size_t, Schema&)> describe;
};

/// A value out of a fixed list: an enum with names (core/enum_names.h), behind its text.
struct Choice {
  std::function<std::string()> get;
  std::function<bool(const std::string&)> set;  ///< false, and no change: no value has this name
};

/// A list of such values.
struct ChoiceList {
  std::function<std::vector<std::string>()> get;
  std::function<bool(const std::vector<std::string>&)> set;  ///< as Choice's
};

using Target =
    std::variant<std::string*, int64_t*, double*, bool*, std::optional<std::string>*, std::optional<int64_t>*,
                 std::optional<double>*, std::optional<bool>*, std::vector<std::string>*, std::optional<MethodConfig>*,
                 Choice, ChoiceList, Section, SectionList>;

/// A condition under which a key is used.
struct Condition {
  std::string key;    ///< the key that decides, of the same section: "structure"
  std::string state;  ///< "is empty"
  std::function<bool()> is_met;
  std::string text() const { return key + " " + state; }
};

/// One key. The setters return the field, so that they chain.
class Field {
 public:
  Field(std::string key, Target target, std::string doc, std::optional<Range> range = std::nullopt)
      : key_(std::move(key)), target_(std::move(target)), doc_(std::move(doc)), range_(range) {}

  Field& required();  ///< must be given (a list: with at least one item, a text: not empty)
  Field& one_of(std::vector<std::string> choices);  ///< a text, or each item of a list
  Field& items_at_most(size_t count);               ///< lists
  Field& formerly(std::string key);  ///< the name in earlier versions, which an error answers with the new one
  Field& unique();                   ///< lists: no item twice
  Field& patterns();                 ///< lists of names of parts of a model: no item twice, and none is empty
  /// Any other rule: `problem` checks the value just read and returns what is wrong ("" if nothing is);
  /// `text` states the rule in the reference.
  Field& rule(std::string text, std::function<std::string()> problem);
  /// A rule that earlier versions lacked: it is not applied to the values of a saved recipe.
  Field& later_rule(std::function<std::string()> problem);
  /// The reference lists no default, though the struct has a value: the key is given whenever it is used.
  Field& no_default();
  /// The key is used only if `applies`, which reads another key of the section after all keys are read; `state` is the
  /// condition in words: only("structure", "is empty", ...). Otherwise giving the key is an error, and the resolved
  /// recipe omits it. A field may have several conditions.
  Field& only(std::string other_key, std::string state, std::function<bool()> applies);
  /// The resolved recipe omits the key unless `written`: for one of two mutually exclusive keys.
  Field& written(std::function<bool()> written);

  const std::string& key() const { return key_; }
  const std::string& former_key() const { return former_key_; }  ///< "" for none
  const std::string& doc() const { return doc_; }
  const Target& target() const { return target_; }
  bool is_required() const { return required_; }
  /// The first condition of only() that is not met; nullptr if the key is used.
  const Condition* unmet() const;
  bool is_left_out() const { return written_ && !written_(); }
  bool has_default() const { return !no_default_ && !is_left_out(); }
  /// Whether the resolved recipe has the key. An empty text or list is the absence of a value.
  bool is_written() const { return unmet() == nullptr && !is_left_out() && !is_blank(); }
  std::string when() const;  ///< all conditions of only(): "structure is empty"; "" for none
  const std::vector<std::string>& choices() const { return choices_; }
  const std::optional<Range>& range() const { return range_; }  ///< of a number

  /// What is wrong with a text that must be one of choices(); "" when nothing is.
  std::string choice_problem(const std::string& value) const;
  /// What is wrong with the value just read; "" when it is allowed. `given` is the value as it was written.
  std::string problem(const std::string& given) const;
  /// That of later_rule(), or an empty text among patterns().
  std::string later_problem() const;
  std::string type_name() const;   ///< "number", "list of texts", ...
  std::string allowed() const;     ///< "at least 1", "one of a, b"; "" when any value is allowed
  std::string value_text() const;  ///< current value for the reference; "" for none and for sections

 private:
  std::string number_problem(double value, const std::string& given) const;
  std::string list_problem(const std::vector<std::string>& values) const;
  bool is_blank() const;

  std::string key_, former_key_;
  Target target_;
  std::string doc_;
  bool required_ = false;
  std::optional<Range> range_;
  std::vector<std::string> choices_;
  std::optional<size_t> items_at_most_;
  bool unique_ = false, patterns_ = false;
  std::string rule_text_;
  std::function<std::string()> rule_, later_rule_;
  std::vector<Condition> conditions_;
  std::function<bool()> written_;
  bool no_default_ = false;
};

class Schema {
 public:
  /// `catalog`: what keys of registered things may name; nullptr where no value is read.
  explicit Schema(const Catalog* catalog = nullptr) : catalog_(catalog) {}

  /// The registered data formats, and the presets of data.task with "" for none; empty without a catalog.
  std::vector<std::string> format_names() const;
  std::vector<std::string> preset_names() const;
  std::vector<std::string> score_names() const;
  /// The traits of a registered score; nullptr without a catalog.
  const ScoreTraits* find_score(const std::string& name) const;

  /// A value: text, true or false, an optional of these, or a list of texts.
  template <class T>
  requires(!Number<T> && !NamedEnum<T>) Field& field(const std::string& key, T& value, const std::string& doc) {
    return fields_.emplace_back(key, Target(&value), doc);
  }

  /// A number, or an optional one.
  template <Number T>
  Field& field(const std::string& key, T& value, const std::string& doc, Range range) {
    return fields_.emplace_back(key, Target(&value), doc, range);
  }

  /// A value out of a fixed list.
  template <NamedEnum E>
  Field& field(const std::string& key, E& value, const std::string& doc) {
    return fields_.emplace_back(key, choice(value), doc).one_of(all_enum_names<E>());
  }

  /// A value out of a fixed list, or "" for none.
  template <NamedEnum E>
  Field& field(const std::string& key, std::optional<E>& value, const std::string& doc) {
    std::vector<std::string> names = all_enum_names<E>();
    names.insert(names.begin(), "");
    return fields_.emplace_back(key, choice(value), doc).one_of(std::move(names));
  }

  /// A list of values out of a fixed list.
  template <NamedEnum E>
  Field& field(const std::string& key, std::vector<E>& values, const std::string& doc) {
    return fields_.emplace_back(key, choice(values), doc).one_of(all_enum_names<E>());
  }

  template <class T>
  Field& section(const std::string& key, T& value, const std::string& doc) {
    return fields_.emplace_back(key, Section{[&value](Schema& s) { describe(value, s); }, [] { return true; }, [] {}},
                                doc);
  }

  template <class T>
  Field& section(const std::string& key, std::optional<T>& value, const std::string& doc) {
    return fields_.emplace_back(key,
                                Section{[&value](Schema& s) { describe(*value, s); },
                                        [&value] { return value.has_value(); }, [&value] { value.emplace(); }},
                                doc);
  }

  template <class T>
  Field& list(const std::string& key, std::vector<T>& values, const std::string& doc) {
    return fields_.emplace_back(key,
                                SectionList{[&values] { return values.size(); }, [&values] { values.emplace_back(); },
                                            [&values](size_t i, Schema& s) { describe(values[i], s); }},
                                doc);
  }

  /// The method of a stage: a name, or a section of its name and its options.
  Field& method(const std::string& key, std::optional<MethodConfig>& value, const std::string& doc) {
    return fields_.emplace_back(key, Target(&value), doc);
  }

  const std::deque<Field>& fields() const { return fields_; }
  const Field* find(const std::string& key) const;
  const Field* find_former(const std::string& key) const;  ///< by its name in earlier versions

 private:
  template <NamedEnum E>
  static Choice choice(E& value) {
    return {[&value] { return std::string(enum_name(value)); },
            [&value](const std::string& name) {
              const std::optional<E> named = enum_from<E>(name);
              value = named.value_or(value);
              return named.has_value();
            }};
  }
  template <NamedEnum E>
  static Choice choice(std::optional<E>& value) {
    return {[&value] { return std::string(value ? enum_name(*value) : ""); },
            [&value](const std::string& name) {
              const std::optional<E> named = enum_from<E>(name);
              if (named || name.empty()) value = named;
              return named || name.empty();
            }};
  }
  template <NamedEnum E>
  static ChoiceList choice(std::vector<E>& values);

  const Catalog* catalog_;
  std::deque<Field> fields_;  // a deque: field() returns references that must stay valid
};

template <NamedEnum E>
ChoiceList Schema::choice(std::vector<E>& values) {
  return {[&values] { return enum_names_of(values); },
          [&values](const std::vector<std::string>& names) {
            std::vector<E> named;
            for (const std::string& name : names)
              if (const std::optional<E> value = enum_from<E>(name)) named.push_back(*value);
            if (named.size() == names.size()) values = named;
            return named.size() == names.size();
          }};
}

/// The keys of a recipe (sections.cpp).
void describe(ModelConfig& model, Schema& schema);
void describe(DataConfig& data, Schema& schema);
void describe(ParallelConfig& parallel, Schema& schema);
void describe(DistillConfig& distill, Schema& schema);
void describe(TrainConfig& train, Schema& schema);
void describe(PruneConfig& prune, Schema& schema);
void describe(RewindConfig& rewind, Schema& schema);
void describe(ExportConfig& export_config, Schema& schema);
void describe(StageConfig& stage, Schema& schema);
void describe(CheckpointConfig& checkpoint, Schema& schema);
void describe(EvalConfig& eval, Schema& schema);
void describe(Recipe& recipe, Schema& schema);

}  // namespace filigree::recipe
