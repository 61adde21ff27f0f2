#include "core/run/origin.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/files/hash.h"
#include "core/safetensors/content_hash.h"
#include "core/safetensors/safetensors.h"

namespace filigree::train {
namespace {

namespace fs = std::filesystem;

constexpr std::array kModelFiles{"config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt",
                                 "vocab.json",  "merges.txt",     "added_tokens.json",     "special_tokens_map.json"};
constexpr std::array kAdapterFiles{"adapter_config.json", "adapter_model.safetensors"};

template <class Names>
std::map<std::string, std::string> hashes_of(const std::string& dir, const Names& names) {
  std::map<std::string, std::string> hashes;
  for (const char* name : names)
    if (const fs::path path = fs::path(dir) / name; fs::exists(path))
      hashes[name] = files::hash_file(path.string()).xxh3;
  return hashes;
}

/// Identifies the files that a rank sees: ranks with the same text see the same bytes.
std::string place_of(const std::string& host, const std::vector<std::string>& files) {
  std::string text = host;
  for (const std::string& file : files) {
    struct stat info {};
    if (::stat(file.c_str(), &info) != 0) throw DataError(fmt::format("{}: {}", file, std::strerror(errno)));
    text += fmt::format("|{}:{}:{}:{}.{}", info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec,
                        info.st_mtim.tv_nsec);
  }
  return text;
}

/// {"value": text} or {"problem": message} of a body that may throw a UserError.
template <class Body>
nlohmann::json outcome_of(const Body& body) {
  try {
    return {{"value", body()}};
  } catch (const UserError& error) {
    return {{"problem", error.what()}};
  }
}

/// Every rank's value. DataError on all ranks if one of them had a problem.
std::vector<std::string> shared(dist::Communicator& ranks, const nlohmann::json& own) {
  std::vector<std::string> values;
  const auto texts = ranks.all_gather_text(own.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  for (size_t rank = 0; rank < texts.size(); ++rank) {
    const auto json = nlohmann::json::parse(texts[rank]);
    if (json.contains("problem"))
      throw DataError((rank == 0 ? "" : fmt::format("rank {} ({}): ", rank, ranks.hosts()[rank])) +
                      json["problem"].get<std::string>());
    values.push_back(json.at("value"));
  }
  return values;
}

/// "name: changed", "name: is gone" or "name: is new" for each file that differs.
std::string changes(const std::map<std::string, std::string>& before, const std::map<std::string, std::string>& now,
                    const std::string& dir) {
  std::set<std::string> names;
  for (const auto& files : {before, now})
    for (const auto& [name, hash] : files) names.insert(name);
  std::string text;
  for (const std::string& name : names) {
    const auto was = before.find(name), is = now.find(name);
    if (was != before.end() && is != now.end() && was->second == is->second) continue;
    const char* what = was == before.end() ? "is new" : is == now.end() ? "is gone" : "has changed";
    text += fmt::format("{}{}/{} {}", text.empty() ? "" : ", ", dir, name, what);
  }
  return text;
}

}  // namespace

std::string data_hash(const data::Dataset& dataset) { return fmt::format("{:016x}", dataset.hash()); }

std::map<std::string, std::string> model_file_hashes(const std::string& dir) { return hashes_of(dir, kModelFiles); }

std::string weights_hash(dist::Communicator& ranks, const std::string& dir) {
  const auto rank = static_cast<size_t>(ranks.rank());
  const auto places = shared(ranks, outcome_of([&] {
                               return place_of(ranks.hosts()[rank], checkpoint::SafetensorsReader::open(dir).files());
                             }));
  const auto reader = static_cast<size_t>(std::find(places.begin(), places.end(), places[rank]) - places.begin());
  const bool reads = reader == rank;
  const auto hashes = shared(ranks, outcome_of([&] { return reads ? checkpoint::content_hash(dir) : std::string(); }));
  return hashes[reader];
}

Origin origin_of(const recipe::Recipe& recipe, const data::Dataset& train, const std::vector<data::Dataset>& eval,
                 dist::Communicator& ranks) {
  const auto& model = recipe.model;
  Origin origin;
  const bool random = model.init == recipe::InitialWeights::random;
  origin.base = random ? fmt::format("random-{}", recipe.seed) : weights_hash(ranks, model.path);
  origin.files = model_file_hashes(model.path);
  if (!model.init_lora.empty()) origin.adapter = hashes_of(model.init_lora, kAdapterFiles);
  origin.train = data_hash(train);
  for (const data::Dataset& dataset : eval) origin.eval[dataset.split] = data_hash(dataset);
  return origin;
}

Subject origin_subject(const Origin& origin, const recipe::Recipe& recipe) {
  Subject subject{"set of files",
                  "Give all ranks the same files: copy them again, or use a folder that all hosts share",
                  3,
                  {{"weights of " + recipe.model.path, origin.base}, {"training set", origin.train}}};
  for (const auto& [name, hash] : origin.files) subject.facts.push_back({recipe.model.path + "/" + name, hash});
  for (const auto& [name, hash] : origin.adapter) subject.facts.push_back({recipe.model.init_lora + "/" + name, hash});
  for (const auto& [split, hash] : origin.eval) subject.facts.push_back({split + " set", hash});
  return subject;
}

void check_base(const std::string& base, const std::map<std::string, std::string>& files, const Origin& before,
                const std::string& dir, const std::string& checkpoint) {
  if (base != before.base)
    throw DataError(
        fmt::format("{}: was trained on other base weights ({}) than {} has now ({}). Point model.path at the same "
                    "weights, or start over with --resume never and another --out",
                    checkpoint, before.base, dir, base));
  // Checkpoints before version 3 do not list the files.
  const std::string changed = before.files.empty() ? "" : changes(before.files, files, dir);
  if (!changed.empty())
    throw DataError(
        fmt::format("{}: the model's files are not those that it was trained with: {}. Restore them, or start over "
                    "with --resume never and another --out",
                    checkpoint, changed));
}

}  // namespace filigree::train
