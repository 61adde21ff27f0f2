#include "core/data/formats/triples.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/data/formats/lines.h"
#include "core/error.h"
#include "core/files/json.h"

namespace filigree::data {
namespace {

using nlohmann::json;

std::string joined(const std::string& subject, const std::string& property, const std::string& object) {
  return fmt::format("{} : {} : {}", subject, property, object);
}

/// An error in an entry that the JSON library does not detect.
struct EntryFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws json::exception if a part is missing or has the wrong type.
std::string webnlg_triple(const json& triple) {
  return joined(triple.at("subject").get<std::string>(), triple.at("property").get<std::string>(),
                triple.at("object").get<std::string>());
}

std::string dart_triple(const json& triple) {
  auto property = triple.at(1).get<std::string>();
  std::transform(property.begin(), property.end(), property.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return joined(triple.at(0).get<std::string>(), property, triple.at(2).get<std::string>());
}

std::string context(const json& triples, std::string (*text)(const json&)) {
  std::string all;
  for (const json& triple : triples) all += (all.empty() ? "" : " | ") + text(triple);
  if (all.empty()) throw EntryFault("it has no triples");
  return all;
}

void add_webnlg(const json& numbered, int64_t entry, Table& table) {
  if (!numbered.is_object() || numbered.empty()) throw EntryFault("it is not an object with its number as the key");
  const json& body = numbered.begin().value();  // {"17": {...}}
  const std::string source = context(body.at("modifiedtripleset"), webnlg_triple);
  for (const json& text : body.at("lexicalisations"))
    if (text.at("comment") == "good") table.rows.push_back({entry, {source, text.at("lex").get<std::string>()}});
}

void add_dart(const json& body, int64_t entry, Table& table) {
  const std::string source = context(body.at("tripleset"), dart_triple);
  for (const json& text : body.at("annotations"))
    table.rows.push_back({entry, {source, text.at("text").get<std::string>()}});
}

/// Adds the rows of an entry. Returns what is wrong with it, or an empty string.
std::string entry_fault(const json& entry, bool webnlg, int64_t number, Table& table) {
  try {
    webnlg ? add_webnlg(entry, number, table) : add_dart(entry, number, table);
    return "";
  } catch (const json::exception& error) {
    return files::explain(error);
  } catch (const EntryFault& fault) {
    return fault.what();
  }
}

/// Notes keys that an object has twice, by the number of the entry that contains it, while a file is parsed.
class RepeatedKeys {
 public:
  explicit RepeatedKeys(bool webnlg) : depth_(webnlg ? 2 : 1), in_entries_(!webnlg) {}

  bool operator()(int depth, json::parse_event_t event, const json& value) {
    using Event = json::parse_event_t;
    if (depth_ == 2 && depth == 1 && event == Event::key) in_entries_ = value == "entries";
    const bool begins = event == Event::object_start || event == Event::array_start || event == Event::value;
    if (in_entries_ && depth == depth_ && begins) ++entry_;
    if (const auto key = keys_.repeated(depth, event, value))
      found_.emplace(in_entries_ && depth > depth_ ? entry_ : kOutside, *key);
    return true;
  }
  /// What is wrong with an entry, or an empty string.
  std::string fault(int64_t entry) const {
    const auto key = found_.find(entry);
    return key == found_.end() ? "" : fmt::format("contains the key '{}' twice in one object", key->second);
  }

  static constexpr int64_t kOutside = 0;  ///< of all entries

 private:
  int depth_;  // of the entries
  bool in_entries_;
  int64_t entry_ = 0;
  files::KeyCheck keys_;
  std::map<int64_t, std::string> found_;
};

void check_root(const json& root, bool webnlg, const std::string& file) {
  if (webnlg && (!root.is_object() || !root.contains("entries") || !root["entries"].is_array()))
    throw DataError(fmt::format("{}: is not a WebNLG file: it has no list 'entries'", file));
  if (!webnlg && !root.is_array()) throw DataError(fmt::format("{}: is not a DART file: it is not a list", file));
}

Table read_triples(const std::string& path, const TableOptions& options, bool webnlg) {
  Table table{{path}, {}, 0, ""};
  BadRows bad(table, options.skip_bad_rows);
  RepeatedKeys repeated(webnlg);
  const json root = files::parse_json(read_rows_of(path), path, std::ref(repeated));
  if (const std::string fault = repeated.fault(RepeatedKeys::kOutside); !fault.empty())
    throw DataError(fmt::format("{}: {}", path, fault));
  int64_t number = 0;
  check_root(root, webnlg, path);
  for (const json& entry : webnlg ? root["entries"] : root) {
    const size_t before = table.rows.size();
    ++number;
    std::string fault = repeated.fault(number);
    if (fault.empty()) fault = entry_fault(entry, webnlg, number, table);
    if (fault.empty()) continue;
    table.rows.resize(before);
    bad.add(number,
            fmt::format("entry {} does not have the layout of {}: {}", number, webnlg ? "WebNLG" : "DART", fault));
  }
  bad.finish();
  return table;
}

}  // namespace

WebNlg::WebNlg()
    : Format(contexts_and_references("webnlg", "a text of an entry of WebNLG's JSON, after its triples")) {}

Table WebNlg::read(const std::string& path, const TableOptions& options) const {
  return read_triples(path, options, /*webnlg=*/true);
}

Dart::Dart() : Format(contexts_and_references("dart", "a text of an entry of DART's JSON, after its triples")) {}

Table Dart::read(const std::string& path, const TableOptions& options) const {
  return read_triples(path, options, /*webnlg=*/false);
}

}  // namespace filigree::data
