#include "dist/communicator.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include <exception>
#include <numeric>
#include <utility>

#include "dist/group.h"

namespace filigree::dist {
namespace {

bool known_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
    case at::kDouble:
    case at::kBFloat16:
    case at::kLong:
    case at::kInt:
    case at::kByte:
      return true;
    default:
      return false;
  }
}

// A tensor that breaks the contract is a bug in the program, not a failed rank: it is rejected before anything is sent.
at::Tensor checked(const char* operation, const at::Tensor& tensor) {
  if (!tensor.defined()) throw std::invalid_argument(fmt::format("{}: the tensor is undefined", operation));
  if (!known_type(tensor.scalar_type())) {
    throw std::invalid_argument(fmt::format("{}: {} is not one of float32, float64, bfloat16, int64, int32, uint8",
                                            operation, c10::toString(tensor.scalar_type())));
  }
  if (!tensor.is_contiguous()) throw std::invalid_argument(fmt::format("{}: the tensor is not contiguous", operation));
  return tensor.detach();  // the same memory, outside autograd
}

at::Tensor checked_rows(const char* operation, const at::Tensor& tensor) {
  at::Tensor plain = checked(operation, tensor);
  if (plain.dim() == 0) throw std::invalid_argument(fmt::format("{}: a scalar has no dim 0", operation));
  return plain;
}

// A collective over a copy on the CPU; the result is copied back when it is waited for.
class StagedWork : public Work {
 public:
  StagedWork(WorkPtr inner, at::Tensor host, at::Tensor target)
      : inner_(std::move(inner)), host_(std::move(host)), target_(std::move(target)) {}
  ~StagedWork() override {
    if (copied_ || std::uncaught_exceptions() > 0) return;
    try {
      wait();
    } catch (const std::exception&) {  // the communicator keeps the failure for the next call
    }
  }
  bool done() override { return inner_->done(); }
  void wait() override {
    inner_->wait();
    if (!copied_) target_.copy_(host_);
    copied_ = true;
  }

 private:
  WorkPtr inner_;
  at::Tensor host_, target_;
  bool copied_ = false;
};

}  // namespace

WorkPtr Communicator::all_reduce_async(at::Tensor tensor, ReduceOp op) {
  tensor = checked("all_reduce", tensor);
  count("all_reduce", tensor.nbytes());
  if (takes(tensor.device())) return do_all_reduce(std::move(tensor), op);
  at::Tensor host = staged(tensor);
  return std::make_shared<StagedWork>(do_all_reduce(host, op), host, tensor);
}

at::Tensor Communicator::all_gather(const at::Tensor& tensor) {
  std::vector<int64_t> shape = checked_rows("all_gather", tensor).sizes().vec();
  shape[0] *= size();
  at::Tensor out = at::empty(shape, tensor.options().requires_grad(std::nullopt));
  all_gather_async(tensor, out)->wait();
  return out;
}

WorkPtr Communicator::all_gather_async(const at::Tensor& tensor, at::Tensor out) {
  const at::Tensor in = checked_rows("all_gather", tensor);
  out = checked_rows("all_gather", out);
  if (out.size(0) != in.size(0) * size() || out.numel() != in.numel() * size() || out.dtype() != in.dtype()) {
    throw std::invalid_argument(
        fmt::format("all_gather: {} from each of {} ranks does not fit into {}", describe(in), size(), describe(out)));
  }
  count("all_gather", in.nbytes());
  if (takes(in.device())) return do_all_gather(in, out);
  const at::Tensor host = at::empty(out.sizes(), out.options().device(at::kCPU));
  return std::make_shared<StagedWork>(do_all_gather(in.cpu(), host), host, out);
}

std::vector<at::Tensor> Communicator::all_gather_ragged(const at::Tensor& tensor) {
  at::Tensor in = staged(checked_rows("all_gather_ragged", tensor));
  count("all_gather_ragged", in.nbytes() + sizeof(int64_t));
  std::vector<at::Tensor> parts = do_all_gather_ragged(in, gather_rows(in.size(0)));
  for (at::Tensor& part : parts) part = part.to(tensor.device());
  return parts;
}

at::Tensor Communicator::reduce_scatter(const at::Tensor& tensor) {
  at::Tensor in = staged(checked_rows("reduce_scatter", tensor));
  if (in.size(0) % size() != 0) {
    throw std::invalid_argument(
        fmt::format("reduce_scatter: {} rows cannot be split evenly over {} ranks", in.size(0), size()));
  }
  count("reduce_scatter", in.nbytes());
  std::vector<int64_t> shape = in.sizes().vec();
  shape[0] /= size();
  at::Tensor out = at::empty(shape, in.options());
  do_reduce_scatter(in, out);
  return out.to(tensor.device());
}

void Communicator::broadcast(at::Tensor tensor, int root) {
  tensor = checked("broadcast", tensor);
  if (root < 0 || root >= size())
    throw std::invalid_argument(fmt::format("broadcast: root {} is not one of {} ranks", root, size()));
  count("broadcast", tensor.nbytes());
  at::Tensor staging = staged(tensor);
  do_broadcast(staging, root);
  if (!staging.is_same(tensor)) tensor.copy_(staging);
}

std::string Communicator::broadcast_text(const std::string& text, int root) {
  auto length = static_cast<int64_t>(text.size());
  broadcast(at::from_blob(&length, {1}, at::kLong), root);
  std::string bytes = rank() == root ? text : std::string(static_cast<size_t>(length), '\0');
  broadcast(at::from_blob(bytes.data(), {length}, at::kByte), root);
  return bytes;
}

std::vector<std::string> Communicator::all_gather_text(const std::string& text) {
  std::string bytes = text;
  std::vector<std::string> all;
  for (const at::Tensor& part :
       all_gather_ragged(at::from_blob(bytes.data(), {static_cast<int64_t>(bytes.size())}, at::kByte))) {
    const auto* begin = reinterpret_cast<const char*>(part.const_data_ptr<uint8_t>());
    all.emplace_back(begin, begin + part.numel());
  }
  return all;
}

void Communicator::send(const at::Tensor& tensor, int to) {
  at::Tensor in = checked("send", tensor);
  check_peer("send", to);
  count("send", in.nbytes());
  do_send(staged(in), to);
}

void Communicator::recv(at::Tensor tensor, int from) {
  tensor = checked("recv", tensor);
  check_peer("recv", from);
  count("recv", 0);
  at::Tensor staging = staged(tensor);
  do_recv(staging, from);
  if (!staging.is_same(tensor)) tensor.copy_(staging);
}

void Communicator::barrier() {
  count("barrier", 0);
  do_barrier();
}

uint64_t Communicator::bytes_sent() const {
  return std::accumulate(traffic_.begin(), traffic_.end(), uint64_t{0},
                         [](uint64_t sum, const auto& entry) { return sum + entry.second.bytes; });
}

at::Tensor Communicator::staged(const at::Tensor& tensor) const {
  return takes(tensor.device()) ? tensor : tensor.cpu();
}

std::vector<int64_t> Communicator::gather_rows(int64_t rows) {
  std::vector<int64_t> all(static_cast<size_t>(size()));
  do_all_gather(at::from_blob(&rows, {1}, at::kLong), at::from_blob(all.data(), {size()}, at::kLong))->wait();
  return all;
}

void Communicator::check_peer(const char* operation, int peer) const {
  if (peer < 0 || peer >= size() || peer == rank()) {
    throw std::invalid_argument(fmt::format("{}: rank {} of {} has no peer {}", operation, rank(), size(), peer));
  }
}

void Communicator::count(const char* operation, int64_t bytes) {
  Traffic& traffic = traffic_[operation];
  ++traffic.calls;
  if (size() == 1) return;
  traffic.bytes += static_cast<uint64_t>(bytes);
  bytes_by_phase_[phase_] += static_cast<uint64_t>(bytes);
}

}  // namespace filigree::dist
