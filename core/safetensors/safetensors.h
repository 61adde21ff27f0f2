#pragma once
// safetensors: u64 little-endian header length, JSON header, raw little-endian tensor bytes. One file, or a directory
// with model.safetensors or with shards named by model.safetensors.index.json.
//
// The reader maps the files and copies a tensor, or part of it, only on request. open() checks everything
// that can be wrong in a header (length, JSON, duplicate keys, types, shapes, overlaps, gaps, truncation).
// Each fault is a DataError that names the file and, if there is one, the tensor. PyTorch pickles (.bin, .pt)
// are refused. A tensor of a type that filigree does not compute with (U16, F8_E4M3, ...) is an error only
// when it is read.
//
// If several shards contain a tensor of the same name, the one in the last file (by file name) is used,
// regardless of the index: transformers uses the index only for its list of files.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dist/index_range.h"

namespace filigree::checkpoint {

/// One tensor as a header lists it; begin and end are bytes from the start of the file's data part.
struct TensorInfo {
  std::string name;
  at::ScalarType dtype = at::kFloat;  ///< Undefined: a type of the format that filigree does not compute with
  std::string dtype_name;             ///< as in the header: "F32"
  std::vector<int64_t> shape;
  uint64_t begin = 0;
  uint64_t end = 0;
};

/// A parsed header: tensors in byte order; they cover the data part without gaps or overlaps.
struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;
  std::map<std::string, std::string> metadata;
};

/// Parses and checks the JSON header of a file with `data_bytes` bytes after it. `file` is used in messages.
SafetensorsHeader parse_safetensors_header(const std::string& json, uint64_t data_bytes, const std::string& file);

class SafetensorsFile;

class SafetensorsReader {
 public:
  /// path: a .safetensors file, an index.json of shards, or a directory that contains one of them.
  static SafetensorsReader open(const std::string& path);

  const std::vector<std::string>& names() const { return names_; }  ///< sorted
  bool contains(const std::string& name) const { return where_.contains(name); }
  const TensorInfo& info(const std::string& name) const;  ///< throws DataError if it is absent
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::string& path() const { return path_; }
  std::vector<std::string> files() const;  ///< the .safetensors files that it reads
  /// Tensors that have different values in several shards; one of them is used (see above).
  const std::vector<std::string>& ambiguous() const { return ambiguous_; }
  /// Whether two tensors have the same shape and values.
  bool equal(const std::string& a, const std::string& b) const;

  at::Tensor read(const std::string& name) const;  ///< a copy on the CPU
  /// Part of a tensor: the range `lines` along `dim`. No other bytes are read.
  at::Tensor read_lines(const std::string& name, int64_t dim, const dist::IndexRange& lines) const;

 private:
  struct Location {
    std::shared_ptr<SafetensorsFile> file;
    size_t index = 0;
  };
  void add_file(const std::shared_ptr<SafetensorsFile>& file);
  const Location& locate(const std::string& name) const;
  static std::string_view bytes_of(const Location& location);
  /// info() of the tensor; DataError if filigree does not compute with its type.
  const TensorInfo& readable(const std::string& name) const;

  std::string path_;
  std::vector<std::string> names_;
  std::map<std::string, Location> where_;
  std::map<std::string, std::string> metadata_;
  std::vector<std::shared_ptr<SafetensorsFile>> files_;
  std::vector<std::string> ambiguous_;
};

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Writes `tensors` (on any device, copied one at a time) to `path` and syncs the file to disk. Tensors with
/// wider elements come first, so that each is aligned; otherwise the order is kept. A failed write is a
/// DataError that names the path; the partial file is left to the caller, who chose the name. (With
/// RLIMIT_FSIZE the program must ignore SIGXFSZ.)
void write_safetensors(const std::string& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

/// Writes a model's tensors into `dir`: model.safetensors or, if they exceed `most` bytes (0: no limit),
/// files of at most that size, model-00001-of-00003.safetensors and so on, with model.safetensors.index.json.
void write_model_safetensors(const std::string& dir, const NamedTensors& tensors, uint64_t most = 0);

}  // namespace filigree::checkpoint
