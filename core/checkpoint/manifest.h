#pragma once
// manifest.json of a checkpoint. It is written last: a directory is a checkpoint only if it has one.
//
//   {"xxh3":"<16 hex digits: of all bytes after this value>",
//    "format":"filigree-checkpoint","version":3,"step":123,
//    "files":[{"name":…,"bytes":…,"xxh3":…,"parts":{"<tensor>":{"dim":0,"begin":0,"end":96,"shape":[192,16]}}}],"state":{…}}
//
// A file holds full tensors and slices. `parts` lists the slices of tensors that were sharded over the ranks
// that wrote the checkpoint: begin .. end along dim of a tensor of this shape.
//
// The leading checksum covers the rest of the text, so that a flipped byte in the state is also detected. It
// is not a signature: everything that is read is still validated.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/files/hash.h"
#include "dist/index_range.h"

namespace filigree::checkpoint {

/// Position of a stored slice in the full tensor.
struct TensorPart {
  int64_t dim = 0;
  dist::IndexRange lines;
  std::vector<int64_t> shape;  ///< of the full tensor
};
using TensorParts = std::map<std::string, TensorPart>;  ///< by tensor name

struct ManifestFile {
  std::string name;
  files::FileHash hash;
  TensorParts parts = {};  ///< of the tensors stored as slices
};

nlohmann::ordered_json to_json(const ManifestFile& file);
/// Throws nlohmann's exceptions if a key is missing or has the wrong type, DataError if a value is out of range.
ManifestFile manifest_file_from(const nlohmann::json& json);

inline constexpr int kManifestVersion = 3;

struct Manifest {
  int64_t step = 0;
  nlohmann::json state;
  std::vector<ManifestFile> files;
  int version = kManifestVersion;
};

inline constexpr const char* kManifestName = "manifest.json";
std::string manifest_path(const std::string& dir);  ///< of the checkpoint in `dir`

std::string to_text(const Manifest& manifest);

/// Reads `dir`/manifest.json and verifies its checksum, but not the files. Throws a DataError with the problem.
Manifest read_manifest(const std::string& dir);

/// XXH3 of the text of `dir`/manifest.json, which identifies the contents of all files. DataError if it is missing.
std::string manifest_hash(const std::string& dir);

/// Compares sizes and checksums of the files with the manifest. Returns the first mismatch, or nothing.
std::optional<std::string> find_fault(const std::string& dir, const Manifest& manifest);

}  // namespace filigree::checkpoint
