// The NCCL backend: CUDA tensors over NCCL, CPU tensors and start-up over the host communicator (MPI).
#include "dist/nccl/comm_nccl.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/cuda/CUDAFunctions.h>

#include <cstring>
#include <exception>
#include <utility>

#include "dist/nccl/comm_nccl_internal.h"

namespace filigree::dist {
namespace {

ncclDataType_t nccl_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return ncclFloat32;
    case at::kDouble:
      return ncclFloat64;
    case at::kBFloat16:
      return ncclBfloat16;
    case at::kLong:
      return ncclInt64;
    case at::kInt:
      return ncclInt32;
    case at::kByte:
      return ncclUint8;
    default:
      throw std::invalid_argument(std::string("nccl: unsupported type ") + c10::toString(type));
  }
}

size_t count_of(const at::Tensor& tensor) { return static_cast<size_t>(tensor.numel()); }

class NcclWork : public Work {
 public:
  NcclWork(std::shared_ptr<NcclGroup> group, std::shared_ptr<NcclFlight> flight)
      : group_(std::move(group)), flight_(std::move(flight)) {}
  ~NcclWork() override {
    if (waited_ || std::uncaught_exceptions() > 0) return;
    try {
      wait();
    } catch (const CommError&) {  // NcclGroup keeps it for the next call
    }
  }
  bool done() override {
    group_->throw_if_failed();
    return flight_->end.passed();
  }
  void wait() override {
    group_->throw_if_failed();
    const auto device = static_cast<c10::DeviceIndex>(group_->device());
    flight_->end.block(c10::cuda::getCurrentCUDAStream(device).stream());
    waited_ = true;
  }

 private:
  std::shared_ptr<NcclGroup> group_;
  std::shared_ptr<NcclFlight> flight_;
  bool waited_ = false;
};

class NcclCommunicator : public Communicator {
 public:
  NcclCommunicator(std::unique_ptr<Communicator> host, RollCall& roll_call, std::shared_ptr<NcclGroup> group)
      : host_(std::move(host)), roll_call_(roll_call), group_(std::move(group)) {}

  int rank() const override { return host_->rank(); }
  int size() const override { return host_->size(); }
  std::string backend() const override { return "nccl"; }
  std::string name() const override { return host_->name(); }
  const std::vector<std::string>& hosts() const override { return host_->hosts(); }
  void abort(int exit_code) override { host_->abort(exit_code); }

  std::unique_ptr<Communicator> split(int colour, int key, const std::string& name) override {
    return make_nccl(follow().split(colour, key, name), group_->group().ranks[static_cast<size_t>(rank())], roll_call_,
                     group_->device());
  }

 protected:
  WorkPtr do_all_reduce(at::Tensor tensor, ReduceOp op) override {
    if (tensor.is_cpu()) return follow().all_reduce_async(tensor, op);
    const ncclRedOp_t nccl_op = op == ReduceOp::sum ? ncclSum : ncclMax;
    return start("all_reduce", {tensor}, [&](ncclComm_t comm, cudaStream_t stream) {
      void* data = tensor.mutable_data_ptr();
      return ncclAllReduce(data, data, count_of(tensor), nccl_type(tensor.scalar_type()), nccl_op, comm, stream);
    });
  }

  WorkPtr do_all_gather(const at::Tensor& in, at::Tensor out) override {
    if (in.is_cpu()) return follow().all_gather_async(in, out);
    return start("all_gather", {in, out}, [&](ncclComm_t comm, cudaStream_t stream) {
      return ncclAllGather(in.const_data_ptr(), out.mutable_data_ptr(), count_of(in), nccl_type(in.scalar_type()), comm,
                           stream);
    });
  }

  std::vector<at::Tensor> do_all_gather_ragged(const at::Tensor& in, const std::vector<int64_t>& rows) override {
    if (in.is_cpu()) return follow().all_gather_ragged(in);
    std::vector<int64_t> shape = in.sizes().vec();
    std::vector<at::Tensor> parts;
    for (int64_t n : rows) {
      shape[0] = n;
      parts.push_back(at::empty(shape, in.options()));
    }
    std::vector<at::Tensor> tensors = parts;
    tensors.push_back(in);
    start("all_gather_ragged", tensors, [&](ncclComm_t comm, cudaStream_t stream) {
      return gather_ragged(in, parts, comm, stream);
    })->wait();
    return parts;
  }

  void do_reduce_scatter(const at::Tensor& in, at::Tensor out) override {
    if (in.is_cpu()) {
      out.copy_(follow().reduce_scatter(in));
      return;
    }
    start("reduce_scatter", {in, out}, [&](ncclComm_t comm, cudaStream_t stream) {
      return ncclReduceScatter(in.const_data_ptr(), out.mutable_data_ptr(), count_of(out), nccl_type(in.scalar_type()),
                               ncclSum, comm, stream);
    })->wait();
  }

  void do_broadcast(at::Tensor tensor, int root) override {
    if (tensor.is_cpu()) return follow().broadcast(tensor, root);
    start("broadcast", {tensor}, [&](ncclComm_t comm, cudaStream_t stream) {
      void* data = tensor.mutable_data_ptr();
      return ncclBroadcast(data, data, count_of(tensor), nccl_type(tensor.scalar_type()), root, comm, stream);
    })->wait();
  }

  void do_send(const at::Tensor& tensor, int to) override {
    if (tensor.is_cpu()) return follow().send(tensor, to);
    message("send", tensor, to, [&](ncclComm_t comm, cudaStream_t stream) {
      return ncclSend(tensor.const_data_ptr(), count_of(tensor), nccl_type(tensor.scalar_type()), to, comm, stream);
    });
  }

  void do_recv(at::Tensor tensor, int from) override {
    if (tensor.is_cpu()) return follow().recv(tensor, from);
    message("recv", tensor, from, [&](ncclComm_t comm, cudaStream_t stream) {
      return ncclRecv(tensor.mutable_data_ptr(), count_of(tensor), nccl_type(tensor.scalar_type()), from, comm, stream);
    });
  }

  void do_barrier() override { follow().barrier(); }

  bool takes(at::Device device) const override {
    return device.is_cpu() || (device.is_cuda() && device.index() == group_->device());
  }

 private:
  // The host communicator, with this communicator's deadline.
  Communicator& follow() {
    host_->set_deadline(deadline());
    return *host_;
  }

  // Each rank's part is a broadcast; grouped, they run as a single operation.
  static ncclResult_t gather_ragged(const at::Tensor& in, const std::vector<at::Tensor>& parts, ncclComm_t comm,
                                    cudaStream_t stream) {
    ncclResult_t code = ncclGroupStart();
    for (size_t root = 0; root < parts.size() && (code == ncclSuccess || code == ncclInProgress); ++root) {
      if (parts[root].numel() == 0) continue;
      code = ncclBroadcast(in.const_data_ptr(), parts[root].mutable_data_ptr(), count_of(parts[root]),
                           nccl_type(in.scalar_type()), static_cast<int>(root), comm, stream);
    }
    const ncclResult_t end = ncclGroupEnd();
    return code == ncclSuccess || code == ncclInProgress ? end : code;
  }

  WorkPtr start(const char* name, std::vector<at::Tensor> tensors, const NcclGroup::Launch& launch) {
    const auto bytes = static_cast<uint64_t>(tensors.front().nbytes());
    return begin({name, this->name(), ++collectives_, bytes, {}}, std::move(tensors), others(group_->group(), rank()),
                 launch);
  }

  void message(const char* name, const at::Tensor& tensor, int peer, const NcclGroup::Launch& launch) {
    begin({name, this->name(), ++messages_, static_cast<uint64_t>(tensor.nbytes()), {}}, {tensor}, {peer}, launch)
        ->wait();
  }

  WorkPtr begin(Operation operation, std::vector<at::Tensor> tensors, std::vector<int> awaited,
                const NcclGroup::Launch& launch) {
    auto flight =
        group_->start(std::move(operation), std::move(tensors), std::move(awaited), deadline().count(), launch);
    return std::make_shared<NcclWork>(group_, std::move(flight));
  }

  std::unique_ptr<Communicator> host_;
  RollCall& roll_call_;
  std::shared_ptr<NcclGroup> group_;
  uint64_t collectives_ = 0;
  uint64_t messages_ = 0;
};

Group group_of(Communicator& host, int world_rank) {
  int64_t mine = world_rank;
  const at::Tensor ranks = host.all_gather(at::from_blob(&mine, {1}, at::kLong));
  const int64_t* begin = ranks.const_data_ptr<int64_t>();
  return {host.name(), {begin, begin + ranks.numel()}, host.hosts()};
}

ncclUniqueId shared_id(Communicator& host) {
  ncclUniqueId id = {};
  if (host.rank() == 0) NCCL_CHECK("rank 0 of group " + host.name(), ncclGetUniqueId(&id));
  host.broadcast(at::from_blob(&id, {static_cast<int64_t>(sizeof id)}, at::kByte));
  return id;
}

}  // namespace

std::unique_ptr<Communicator> make_nccl(std::unique_ptr<Communicator> host, int world_rank, RollCall& roll_call,
                                        int device) {
  c10::cuda::set_device(static_cast<c10::DeviceIndex>(device));
  const double deadline = host->deadline().count();
  Group members = group_of(*host, world_rank);
  const ncclUniqueId id = shared_id(*host);
  auto group = std::make_shared<NcclGroup>(std::move(members), host->rank(), device, id, deadline, roll_call);
  auto communicator = std::make_unique<NcclCommunicator>(std::move(host), roll_call, std::move(group));
  communicator->set_deadline(std::chrono::duration<double>(deadline));
  return communicator;
}

}  // namespace filigree::dist
