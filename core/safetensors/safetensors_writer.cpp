// The writing half of safetensors.h.
#include <fcntl.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "core/error.h"
#include "core/files/disk.h"
#include "core/safetensors/safetensors.h"
#include "core/safetensors/safetensors_dtype.h"

namespace filigree::checkpoint {
namespace {

/// A file that is written sequentially; any failure is a DataError.
class Output {
 public:
  explicit Output(const std::string& path) : path_(path), file_(files::open_for_writing(path, O_TRUNC)) {}

  void write(const void* bytes, size_t size) {
    const char* at = static_cast<const char*>(bytes);
    while (size > 0) {
      const ssize_t written = ::write(file_.get(), at, std::min(size, kChunk));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) fail("cannot be written");
      at += written;
      size -= static_cast<size_t>(written);
    }
  }

  void finish() {
    if (::fsync(file_.get()) != 0) fail("cannot be synced to disk");
  }

 private:
  static constexpr size_t kChunk = size_t{1} << 30;

  [[noreturn]] void fail(const char* what) {
    const int code = errno;
    const char* advice =
        code == ENOSPC || code == EDQUOT || code == EFBIG ? "; free some space or choose another folder" : "";
    throw DataError(fmt::format("{}: {}: {}{}", path_, what, std::strerror(code), advice));
  }

  std::string path_;
  files::Descriptor file_;
};

std::string header_text(const std::vector<const NamedTensors::value_type*>& order,
                        const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t at = 0;
  for (const auto* entry : order) {
    const auto& [name, tensor] = *entry;
    const uint64_t end = at + tensor.nbytes();
    header[name] = {
        {"dtype", *dtype_name(tensor.scalar_type())}, {"shape", tensor.sizes().vec()}, {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

std::vector<const NamedTensors::value_type*> file_order(const std::string& path, const NamedTensors& tensors) {
  std::set<std::string> names{"__metadata__"};
  std::vector<const NamedTensors::value_type*> order;
  for (const auto& entry : tensors) {
    FG_CHECK(names.insert(entry.first).second, "{}: the tensor name '{}' is used twice or reserved", path, entry.first);
    FG_CHECK(entry.second.defined() && dtype_name(entry.second.scalar_type()),
             "{}: tensor '{}' has a type that safetensors does not support", path, entry.first);
    order.push_back(&entry);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return a->second.element_size() > b->second.element_size(); });
  return order;
}

}  // namespace

void write_safetensors(const std::string& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const auto order = file_order(path, tensors);
  const std::string header = header_text(order, metadata);
  const uint64_t length = header.size();
  Output out(path);
  out.write(&length, sizeof length);
  out.write(header.data(), header.size());
  for (const auto* entry : order) {
    const at::Tensor local = entry->second.detach().to(at::kCPU).contiguous();
    out.write(local.const_data_ptr(), local.nbytes());
  }
  out.finish();
}

}  // namespace filigree::checkpoint
