#include "core/safetensors/safetensors.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <numeric>
#include <set>

#include "core/counted.h"
#include "core/error.h"
#include "core/files/json.h"
#include "core/files/read.h"
#include "core/safetensors/safetensors_dtype.h"

namespace filigree::checkpoint {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian and is copied as is");

namespace fs = std::filesystem;

namespace {

constexpr uint64_t kMaxHeader = 100'000'000;  // the format's own limit
constexpr uint64_t kLengthBytes = 8;

bool is_pickle(const std::string& path, std::string_view head) {
  const std::string ext = fs::path(path).extension();
  const bool named = ext == ".bin" || ext == ".pt" || ext == ".pth" || ext == ".ckpt";
  const bool zipped = head.substr(0, 4) == std::string_view("PK\x03\x04", 4);
  return named || zipped;
}

[[noreturn]] void refuse_pickle(const std::string& path) {
  const std::string target = (fs::path(path).parent_path() / "model.safetensors").string();
  throw DataError(fmt::format(
      "{0}: is a PyTorch pickle, which can run code when it is read; filigree reads only safetensors. Convert it once "
      "with\n"
      "  python -c \"import torch, safetensors.torch as s; s.save_file({{k: v.clone().contiguous() for k, v in "
      "torch.load('{0}', map_location='cpu', weights_only=True).items()}}, '{1}', metadata={{'format': 'pt'}})\"",
      path, target));
}

std::string errno_text() { return std::strerror(errno); }

}  // namespace

/// A mapped file with its checked header.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path) : path_(path) {
    map();
    try {
      parse();
    } catch (...) {
      unmap();
      throw;
    }
  }
  ~SafetensorsFile() { unmap(); }
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;

  const std::string& path() const { return path_; }
  const SafetensorsHeader& header() const { return header_; }
  const char* data() const { return bytes_ + data_offset_; }

 private:
  void map();
  void parse();
  void unmap() {
    if (bytes_ != nullptr) ::munmap(const_cast<char*>(bytes_), size_);
  }

  std::string path_;
  const char* bytes_ = nullptr;
  size_t size_ = 0;
  uint64_t data_offset_ = 0;
  SafetensorsHeader header_;
};

void SafetensorsFile::map() {
  const files::Descriptor fd = files::open_for_reading(path_);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw DataError(fmt::format("{}: cannot be read: {}", path_, errno_text()));
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return;
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (address == MAP_FAILED) throw DataError(fmt::format("{}: cannot be mapped: {}", path_, errno_text()));
  bytes_ = static_cast<const char*>(address);
}

void SafetensorsFile::parse() {
  if (is_pickle(path_, std::string_view(bytes_, std::min<size_t>(size_, 4)))) refuse_pickle(path_);
  if (size_ < kLengthBytes) {
    throw DataError(fmt::format("{}: not a valid safetensors file: only {} long", path_, counted(size_, "byte")));
  }
  uint64_t length = 0;
  std::memcpy(&length, bytes_, kLengthBytes);
  if (length > kMaxHeader || length > size_ - kLengthBytes) {
    throw DataError(
        fmt::format("{}: not a valid safetensors file: its header length is {}, but the file has {} "
                    "after the length field and the limit is {}",
                    path_, counted(length, "byte"), size_ - kLengthBytes, kMaxHeader));
  }
  data_offset_ = kLengthBytes + length;
  header_ = parse_safetensors_header(std::string(bytes_ + kLengthBytes, length), size_ - data_offset_, path_);
}

namespace {

/// name -> file name in the index's folder.
std::map<std::string, std::string> read_index(const std::string& path) {
  const nlohmann::json index = files::read_json(path);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    throw DataError(fmt::format("{}: has no 'weight_map' object", path));
  }
  std::map<std::string, std::string> files;
  for (const auto& [name, file] : index["weight_map"].items()) {
    if (!file.is_string() || file.get<std::string>().empty() ||
        fs::path(file.get<std::string>()).filename() != fs::path(file.get<std::string>())) {
      throw DataError(
          fmt::format("{}: tensor '{}' must name a file in the same folder, not {}", path, name, file.dump()));
    }
    files[name] = file.get<std::string>();
  }
  return files;
}

/// The file to open in a model directory: the single file or the index.
std::string find_weights(const fs::path& dir) {
  std::error_code error;
  for (const char* name : {"model.safetensors", "model.safetensors.index.json"}) {
    if (fs::exists(dir / name, error)) return (dir / name).string();
  }
  for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.bin", "model.pth"}) {
    if (fs::exists(dir / name, error)) refuse_pickle((dir / name).string());
  }
  throw DataError(fmt::format("{}: holds neither model.safetensors nor model.safetensors.index.json", dir.string()));
}

}  // namespace

SafetensorsReader SafetensorsReader::open(const std::string& path) {
  SafetensorsReader reader;
  std::error_code error;
  if (!fs::exists(path, error)) {
    throw DataError(fmt::format("{}: {}", path, error ? error.message() : "no such file or directory"));
  }
  reader.path_ = fs::is_directory(path, error) ? find_weights(path) : path;
  if (fs::path(reader.path_).extension() != ".json") {
    reader.add_file(std::make_shared<SafetensorsFile>(reader.path_));
  } else {
    const auto index = read_index(reader.path_);
    std::set<std::string> files;
    for (const auto& [name, file] : index) files.insert(file);
    for (const std::string& file : files) {
      reader.add_file(std::make_shared<SafetensorsFile>((fs::path(reader.path_).parent_path() / file).string()));
    }
    for (const auto& [name, file] : index) {
      if (!reader.contains(name))
        throw DataError(fmt::format("{}: tensor '{}' is not in {}", reader.path_, name, file));
    }
  }
  for (const auto& [name, location] : reader.where_) reader.names_.push_back(name);
  return reader;
}

void SafetensorsReader::add_file(const std::shared_ptr<SafetensorsFile>& file) {
  const auto& tensors = file->header().tensors;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Location here{file, i};
    const auto [it, fresh] = where_.emplace(tensors[i].name, here);
    if (fresh) continue;
    if (bytes_of(it->second) != bytes_of(here)) ambiguous_.push_back(tensors[i].name);
    it->second = here;
  }
  metadata_.insert(file->header().metadata.begin(), file->header().metadata.end());
  files_.push_back(file);
}

std::string_view SafetensorsReader::bytes_of(const Location& location) {
  const TensorInfo& tensor = location.file->header().tensors[location.index];
  return {location.file->data() + tensor.begin, tensor.end - tensor.begin};
}

bool SafetensorsReader::equal(const std::string& a, const std::string& b) const {
  const TensorInfo &first = info(a), &second = info(b);
  if (first.shape != second.shape) return false;
  if (first.dtype_name == second.dtype_name) return bytes_of(locate(a)) == bytes_of(locate(b));
  return at::equal(read(a).to(at::kDouble), read(b).to(at::kDouble));
}

std::vector<std::string> SafetensorsReader::files() const {
  std::vector<std::string> paths;
  for (const auto& file : files_) paths.push_back(file->path());
  return paths;
}

const SafetensorsReader::Location& SafetensorsReader::locate(const std::string& name) const {
  const auto it = where_.find(name);
  if (it == where_.end()) throw DataError(fmt::format("{}: has no tensor '{}'", path_, name));
  return it->second;
}

const TensorInfo& SafetensorsReader::info(const std::string& name) const {
  const Location& location = locate(name);
  return location.file->header().tensors[location.index];
}

const TensorInfo& SafetensorsReader::readable(const std::string& name) const {
  const TensorInfo& tensor = info(name);
  if (tensor.dtype == at::ScalarType::Undefined)
    throw DataError(fmt::format("{}: tensor '{}' has the dtype {}, which filigree cannot compute with; use one of {}",
                                locate(name).file->path(), name, tensor.dtype_name, known_dtypes()));
  return tensor;
}

at::Tensor SafetensorsReader::read(const std::string& name) const {
  const TensorInfo& tensor = readable(name);
  at::Tensor copy = at::empty(tensor.shape, at::TensorOptions(tensor.dtype));
  if (tensor.end > tensor.begin) {
    std::memcpy(copy.mutable_data_ptr(), locate(name).file->data() + tensor.begin, tensor.end - tensor.begin);
  }
  return copy;
}

at::Tensor SafetensorsReader::read_lines(const std::string& name, int64_t dim, const dist::IndexRange& lines) const {
  const TensorInfo& tensor = readable(name);
  std::vector<int64_t> shape = tensor.shape;
  const auto axis = static_cast<size_t>(dim);
  FG_CHECK(dim >= 0 && axis < shape.size() && 0 <= lines.begin && lines.begin <= lines.end && lines.end <= shape[axis],
           "range {} .. {} along dimension {} of tensor '{}' in {}", lines.begin, lines.end, dim, name, path_);
  const int64_t blocks = std::accumulate(shape.begin(), shape.begin() + dim, int64_t{1}, std::multiplies<>());
  const int64_t all = shape[axis];
  shape[axis] = lines.size();
  at::Tensor copy = at::empty(shape, at::TensorOptions(tensor.dtype));
  if (copy.numel() == 0) return copy;
  const size_t line = (tensor.end - tensor.begin) / static_cast<size_t>(blocks * all);
  const size_t piece = line * static_cast<size_t>(lines.size());
  const char* source = locate(name).file->data() + tensor.begin + line * static_cast<size_t>(lines.begin);
  auto* target = static_cast<char*>(copy.mutable_data_ptr());
  for (int64_t i = 0; i < blocks; ++i)
    std::memcpy(target + piece * i, source + line * static_cast<size_t>(all * i), piece);
  return copy;
}

}  // namespace filigree::checkpoint
