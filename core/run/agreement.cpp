#include "core/run/agreement.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/files/hash.h"
#include "core/parallel/precision.h"
#include "core/recipe/load.h"
#include "core/recipe/yaml/tree.h"
#include "core/run/rank_zero.h"
#include "core/shown.h"
#include "dist/factory.h"

namespace filigree::train {
namespace {

constexpr size_t kShown = 10;          // facts in a message
constexpr size_t kLongestValue = 100;  // characters
const char* const kAbsent = "(not set)";

using Values = std::map<std::string, std::string>;
using Subjects = std::map<std::string, Values>;  ///< by Subject::what

nlohmann::json to_json(const std::vector<Subject>& subjects) {
  nlohmann::json json = nlohmann::json::object();
  for (const Subject& subject : subjects) {
    json[subject.what] = nlohmann::json::object();
    for (const Fact& fact : subject.facts) json[subject.what][fact.name] = fact.value;
  }
  return json;
}

std::string text_of(const std::vector<Subject>& subjects) {
  return to_json(subjects).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Parses what a rank sent. A rank that runs a different command sends something else: then there are no subjects.
Subjects parsed(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  try {
    return json.get<Subjects>();
  } catch (const nlohmann::json::exception&) {
    return {};
  }
}

/// The lowest rank that has the most common text.
size_t reference_rank(const std::vector<std::string>& texts) {
  std::map<std::string, int> votes;
  for (const std::string& text : texts) ++votes[text];
  size_t best = 0;
  for (size_t rank = 1; rank < texts.size(); ++rank)
    if (votes[texts[rank]] > votes[texts[best]]) best = rank;
  return best;
}

/// An argument that was not given is empty.
std::string value_of(const Values& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() || found->second.empty() ? kAbsent : found->second;
}

/// "\n  name: value on rank 0, value on rank 1" for each fact that differs, the lower rank first.
std::string differences(std::map<size_t, Values> of_ranks) {
  const auto& [low, first] = *of_ranks.begin();
  const auto& [high, second] = *of_ranks.rbegin();
  std::set<std::string> names;
  for (const auto& [rank, values] : of_ranks)
    for (const auto& [name, value] : values) names.insert(name);
  std::string text;
  size_t count = 0;
  for (const std::string& name : names) {
    const std::string one = value_of(first, name), other = value_of(second, name);
    if (one != other && ++count <= kShown)
      text += fmt::format("\n  {}: {} on rank {}, {} on rank {}", name, shown(one, kLongestValue), low,
                          shown(other, kLongestValue), high);
  }
  return count > kShown ? fmt::format("{}\n  and {} more", text, count - kShown) : text;
}

std::string name_of(const dist::Communicator& ranks, size_t rank) {
  return fmt::format("rank {} ({})", rank, ranks.hosts().at(rank));
}

[[noreturn]] void refuse(const dist::Communicator& ranks, const std::vector<Subject>& subjects,
                         const std::vector<std::string>& texts) {
  const size_t reference = reference_rank(texts);
  size_t other = 0;
  while (texts[other] == texts[reference]) ++other;
  const auto differing =
      std::count_if(texts.begin(), texts.end(), [&](const auto& t) { return t != texts[reference]; });
  const std::string who = name_of(ranks, other), than = name_of(ranks, reference);
  const std::string more = differing > 1 ? fmt::format(" ({} ranks differ)", differing) : "";
  const Subjects wanted = parsed(texts[reference]), found = parsed(texts[other]);
  for (const Subject& subject : subjects) {
    const auto there = found.find(subject.what), here = wanted.find(subject.what);
    if (there == found.end() || here == wanted.end()) break;
    if (there->second == here->second) continue;
    throw_user_error(subject.exit_code,
                     fmt::format("{} has a different {} than {}{}:{}\n{}", who, subject.what, than, more,
                                 differences({{reference, here->second}, {other, there->second}}), subject.advice));
  }
  throw UsageError(
      fmt::format("{} runs a different command than {}{}. Start all ranks with the same command", who, than, more));
}

void add_facts(const recipe::Tree& tree, const std::string& path, std::vector<Fact>& facts) {
  const auto below = [&](const std::string& key) { return path.empty() ? key : path + "." + key; };
  if (tree.is(recipe::Tree::Kind::map)) {
    for (const recipe::Entry& entry : tree.entries) add_facts(entry.value, below(entry.key), facts);
  } else if (tree.is(recipe::Tree::Kind::list)) {
    std::string items;
    for (size_t i = 0; i < tree.items.size(); ++i) {
      if (tree.items[i].is(recipe::Tree::Kind::map))
        add_facts(tree.items[i], below(std::to_string(i)), facts);
      else
        items += (items.empty() ? "" : ", ") + tree.items[i].text;
    }
    if (!items.empty() || tree.items.empty()) facts.push_back({path, "[" + items + "]"});
  } else {
    facts.push_back({path, tree.text.empty() ? "''" : tree.text});
  }
}

}  // namespace

void require_agreement(dist::Communicator& ranks, const std::vector<Subject>& subjects) {
  if (ranks.size() == 1) return;
  const std::string text = text_of(subjects);
  const auto hashes = ranks.all_gather_text(files::hash_text(text));
  if (std::all_of(hashes.begin(), hashes.end(), [&](const auto& hash) { return hash == hashes.front(); })) return;
  refuse(ranks, subjects, ranks.all_gather_text(text));
}

Subject recipe_subject(const recipe::Recipe& recipe) {
  Subject subject{"recipe", "Start all ranks with the same recipe, --set arguments and environment variables", 2, {}};
  add_facts(recipe::parse_tree(recipe::to_yaml(recipe), "the resolved recipe"), "", subject.facts);
  return subject;
}

Subject program_subject() {
  return {"program",
          "Install the same build of filigree on all hosts",
          3,
          {{"content of the executable", files::hash_file("/proc/self/exe").xxh3}}};
}

Subject device_subject(at::Device device, at::ScalarType compute) {
  return {"device",
          "Set parallel.device and parallel.precision to values that all hosts support",
          2,
          {{"parallel.device", device.is_cuda() ? "cuda" : "cpu"},
           {"parallel.precision", precision_name(compute)},
           {"NCCL_MULTI_RANK_GPU_ENABLE", dist::nccl_shares_devices() ? "1" : "0"}}};
}

Subject arguments_subject(std::vector<Fact> arguments) {
  return {"command", "Start all ranks with the same command and arguments", 2, std::move(arguments)};
}

}  // namespace filigree::train
