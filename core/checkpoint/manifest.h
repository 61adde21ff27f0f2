#pragma once
// manifest.json of a checkpoint, written last: what makes a directory a checkpoint.
//
//   {"xxh3":"<16 hex digits: of all bytes after this value>",
//    "format":"filigree-checkpoint","version":3,"step":123,
//    "files":[{"name":…,"bytes":…,"xxh3":…,"parts":{"<tensor>":{"dim":0,"begin":0,"end":96,"shape":[192,16]}}}],"state":{…}}
//
// A file holds whole tensors and, where the ranks that wrote the checkpoint shared a tensor out, the lines that `parts`
// names: begin .. end along dim of a tensor of this shape.
//
// The leading checksum covers the rest of the text, so that a flipped byte in the state is found as well. It is no
// signature: what is read is checked as if it had none.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/files/hash.h"
#include "dist/line_range.h"

namespace filigree::checkpoint {

/// Where a tensor of a file lies in the whole one.
struct TensorPart {
  int64_t dim = 0;
  dist::LineRange lines;
  std::vector<int64_t> shape;  ///< of the whole tensor
};
using TensorParts = std::map<std::string, TensorPart>;  ///< by tensor name

struct ManifestFile {
  std::string name;
  files::FileHash hash;
  TensorParts parts = {};  ///< of those tensors that are not whole
};

nlohmann::ordered_json to_json(const ManifestFile& file);
/// Throws nlohmann's exceptions when a key is missing or has another type, DataError when a value is out of range.
ManifestFile manifest_file_from(const nlohmann::json& json);

inline constexpr int kManifestVersion = 3;

struct Manifest {
  int64_t step = 0;
  nlohmann::json state;
  std::vector<ManifestFile> files;
  int version = kManifestVersion;
};

inline constexpr const char* kManifestName = "manifest.json";

std::string to_text(const Manifest& manifest);

/// Reads `dir`/manifest.json and checks its own checksum, but not the files. DataError says what is wrong.
Manifest read_manifest(const std::string& dir);

/// XXH3 of the text of `dir`/manifest.json, which names the contents of all its files. DataError when it is missing.
std::string manifest_hash(const std::string& dir);

/// Compares sizes and checksums of the files with the manifest; what is wrong, or nothing.
std::optional<std::string> find_fault(const std::string& dir, const Manifest& manifest);

}  // namespace filigree::checkpoint
