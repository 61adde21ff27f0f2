// Loaded of store.h: a checkpoint open for reading.
#include <ATen/ops/cat.h>

#include <algorithm>
#include <regex>

#include "core/checkpoint/store.h"
#include "core/error.h"

namespace filigree::checkpoint {
namespace {

/// "trained" for "trained.safetensors" and "trained-00002-of-00004.safetensors".
std::string stem_of(const std::string& file) {
  static const std::regex numbered("^(.*?)(-[0-9]+-of-[0-9]+)?\\.safetensors$");
  std::smatch match;
  return std::regex_match(file, match, numbered) ? match[1].str() : file;
}

std::vector<int64_t> shape_of(const TensorPart& part) {
  std::vector<int64_t> shape = part.shape;
  shape[static_cast<size_t>(part.dim)] = part.lines.size();
  return shape;
}

}  // namespace

Loaded open_checkpoint(const CheckpointInfo& info) {
  Manifest manifest = read_manifest(info.path);
  Loaded loaded;
  loaded.info = info;
  loaded.state = std::move(manifest.state);
  loaded.version = manifest.version;
  for (const ManifestFile& file : manifest.files) loaded.add_file(file);
  loaded.put_in_order();
  return loaded;
}

void Loaded::add_file(const ManifestFile& file) {
  const auto reader = std::make_shared<SafetensorsReader>(SafetensorsReader::open(info.path + "/" + file.name));
  auto& tensors = tensors_[stem_of(file.name)];
  for (const std::string& name : reader->names()) {
    const auto part = file.parts.find(name);
    if (part != file.parts.end() && reader->info(name).shape != shape_of(part->second))
      throw DataError(fmt::format("{}/{}: the shape of '{}' differs from the manifest", info.path, file.name, name));
    tensors[name].push_back({reader, part == file.parts.end() ? std::nullopt : std::optional(part->second)});
  }
}

void Loaded::put_in_order() {
  for (auto& [stem, tensors] : tensors_) {
    for (auto& [name, pieces] : tensors) {
      if (!follow_one_another(pieces))
        throw DataError(fmt::format("{}: the files do not contain every part of '{}' exactly once", info.path, name));
    }
  }
}

/// Sorts the slices, because files come in any order; the slices must have no gaps or overlaps.
bool Loaded::follow_one_another(Pieces& pieces) {
  if (pieces.size() == 1 && !pieces.front().part) return true;
  if (std::any_of(pieces.begin(), pieces.end(), [](const Piece& piece) { return !piece.part; })) return false;
  const auto range = [](const Piece& piece) { return std::pair(piece.part->lines.begin, piece.part->lines.end); };
  std::ranges::sort(pieces, {}, range);
  int64_t end = 0;
  for (const Piece& piece : pieces) {
    if (piece.part->lines.begin != end) return false;
    end = piece.part->lines.end;
  }
  const TensorPart& last = *pieces.back().part;
  return end == last.shape.at(static_cast<size_t>(last.dim));
}

std::vector<std::string> Loaded::names(const std::string& file) const {
  std::vector<std::string> names;
  if (const auto found = tensors_.find(file); found != tensors_.end())
    for (const auto& [name, pieces] : found->second) names.push_back(name);
  return names;
}

bool Loaded::contains(const std::string& file, const std::string& name) const {
  const auto found = tensors_.find(file);
  return found != tensors_.end() && found->second.contains(name);
}

const Loaded::Pieces& Loaded::find(const std::string& file, const std::string& name) const {
  if (!contains(file, name))
    throw DataError(
        fmt::format("{}: has no tensor '{}' in {}.safetensors; it was written by a different recipe or version",
                    info.path, name, file));
  return tensors_.at(file).at(name);
}

std::vector<int64_t> Loaded::shape(const std::string& file, const std::string& name) const {
  const Piece& piece = find(file, name).front();
  return piece.part ? piece.part->shape : piece.file->info(name).shape;
}

at::Tensor Loaded::tensor(const std::string& file, const std::string& name) const {
  std::vector<at::Tensor> parts;
  const Pieces& pieces = find(file, name);
  for (const Piece& piece : pieces) parts.push_back(piece.file->read(name));
  return parts.size() == 1 ? parts.front() : at::cat(parts, pieces.front().part->dim);
}

at::Tensor Loaded::lines(const std::string& file, const std::string& name, int64_t dim,
                         const dist::IndexRange& wanted) const {
  const Pieces& pieces = find(file, name);
  if (!pieces.front().part) return pieces.front().file->read_lines(name, dim, wanted);
  if (pieces.front().part->dim != dim) return tensor(file, name).narrow(dim, wanted.begin, wanted.size()).contiguous();
  std::vector<at::Tensor> parts;
  for (const Piece& piece : pieces) {
    const dist::IndexRange& held = piece.part->lines;
    const dist::IndexRange both = overlap(held, wanted);
    if (both.size() == 0 && !(parts.empty() && &piece == &pieces.back())) continue;
    parts.push_back(piece.file->read_lines(name, dim, {both.begin - held.begin, both.end - held.begin}));
  }
  return parts.size() == 1 ? parts.front() : at::cat(parts, dim);
}

}  // namespace filigree::checkpoint
