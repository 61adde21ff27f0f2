// The MPI backend: non-blocking collectives, driven by MpiWork so that it can enforce a deadline.
#include "dist/mpi/comm_mpi.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <functional>
#include <numeric>
#include <utility>

#include "dist/mpi/comm_mpi_internal.h"

namespace filigree::dist {
namespace {

int64_t row_elements(const at::Tensor& tensor) {
  const at::IntArrayRef shape = tensor.sizes();
  return std::accumulate(shape.begin() + 1, shape.end(), int64_t{1}, std::multiplies<>());
}

class MpiCommunicator : public Communicator {
 public:
  explicit MpiCommunicator(std::shared_ptr<MpiGroup> group) : group_(std::move(group)) {}

  int rank() const override { return group_->me; }
  int size() const override { return group_->size(); }
  std::string backend() const override { return "mpi"; }
  std::string name() const override { return group_->name; }
  const std::vector<std::string>& hosts() const override { return group_->hosts; }
  std::unique_ptr<Communicator> split(int colour, int key, const std::string& name) override;
  void abort(int exit_code) override { abort_mpi(*group_->process, exit_code); }

 protected:
  WorkPtr do_all_reduce(at::Tensor tensor, ReduceOp op) override {
    return start("all_reduce", tensor, [&](MpiPending& pending) {
      const MPI_Op mpi_op = group_->process->ops->find(op, tensor.scalar_type());
      each_piece(tensor, pending, [&](void* data, int count, MPI_Datatype type, MPI_Request* request) {
        MPI_CHECK(MPI_Iallreduce(MPI_IN_PLACE, data, count, type, mpi_op, group_->comm, request));
      });
    });
  }

  WorkPtr do_all_gather(const at::Tensor& in, at::Tensor out) override {
    const std::vector<int64_t> rows(static_cast<size_t>(size()), in.size(0));
    return start("all_gather", in, [&](MpiPending& pending) {
      if (in.numel() > group_->largest_count) return gather_by_broadcasts(in, out, rows, pending);
      const MPI_Datatype type = mpi_type(in.scalar_type());
      const int count = static_cast<int>(in.numel());
      pending.tensors = {in, out};
      MPI_CHECK(MPI_Iallgather(in.const_data_ptr(), count, type, out.mutable_data_ptr(), count, type, group_->comm,
                               add(pending)));
    });
  }

  std::vector<at::Tensor> do_all_gather_ragged(const at::Tensor& in, const std::vector<int64_t>& rows) override {
    std::vector<int64_t> shape = in.sizes().vec();
    shape[0] = std::accumulate(rows.begin(), rows.end(), int64_t{0});
    const at::Tensor out = at::empty(shape, in.options());
    start("all_gather_ragged", in, [&](MpiPending& pending) {
      if (out.numel() > group_->largest_count) return gather_by_broadcasts(in, out, rows, pending);
      gather_ragged(in, out, rows, pending);
    })->wait();
    std::vector<at::Tensor> parts;
    int64_t row = 0;
    for (int64_t n : rows) {
      parts.push_back(out.narrow(0, row, n));
      row += n;
    }
    return parts;
  }

  void do_reduce_scatter(const at::Tensor& in, at::Tensor out) override {
    start("reduce_scatter", in, [&](MpiPending& pending) {
      const MPI_Op op = group_->process->ops->find(ReduceOp::sum, in.scalar_type());
      if (in.numel() > group_->largest_count) return scatter_by_reductions(in, out, op, pending);
      pending.tensors = {in, out};
      MPI_CHECK(MPI_Ireduce_scatter_block(in.const_data_ptr(), out.mutable_data_ptr(), static_cast<int>(out.numel()),
                                          mpi_type(in.scalar_type()), op, group_->comm, add(pending)));
    })->wait();
  }

  void do_broadcast(at::Tensor tensor, int root) override {
    start("broadcast", tensor, [&](MpiPending& pending) { broadcast_pieces(tensor, root, pending); })->wait();
  }

  void do_send(const at::Tensor& tensor, int to) override {
    message("send", tensor, to, [&](void* data, int count, MPI_Datatype type, MPI_Request* request) {
      MPI_CHECK(MPI_Isend(data, count, type, to, 0, group_->comm, request));
    });
  }

  void do_recv(at::Tensor tensor, int from) override {
    message("recv", tensor, from, [&](void* data, int count, MPI_Datatype type, MPI_Request* request) {
      MPI_CHECK(MPI_Irecv(data, count, type, from, 0, group_->comm, request));
    });
  }

  void do_barrier() override {
    start("barrier", {}, [&](MpiPending& pending) { MPI_CHECK(MPI_Ibarrier(group_->comm, add(pending))); })->wait();
  }

 private:
  using Piece = std::function<void(void* data, int count, MPI_Datatype type, MPI_Request* request)>;
  using Launch = std::function<void(MpiPending&)>;

  static MPI_Request* add(MpiPending& pending) { return &pending.requests.emplace_back(MPI_REQUEST_NULL); }

  // Calls `piece` for parts of at most largest_count elements; for an empty tensor, once with 0 elements.
  void each_piece(const at::Tensor& tensor, MpiPending& pending, const Piece& piece) {
    auto* data = static_cast<char*>(const_cast<void*>(tensor.const_data_ptr()));  // MPI_Isend shares the signature
    const MPI_Datatype type = mpi_type(tensor.scalar_type());
    pending.tensors.push_back(tensor);
    int64_t at = 0;
    do {
      const int64_t count = std::min(group_->largest_count, tensor.numel() - at);
      piece(data + at * tensor.itemsize(), static_cast<int>(count), type, add(pending));
      at += count;
    } while (at < tensor.numel());
  }

  void broadcast_pieces(const at::Tensor& tensor, int root, MpiPending& pending) {
    each_piece(tensor, pending, [&](void* data, int count, MPI_Datatype type, MPI_Request* request) {
      MPI_CHECK(MPI_Ibcast(data, count, type, root, group_->comm, request));
    });
  }

  void gather_ragged(const at::Tensor& in, const at::Tensor& out, const std::vector<int64_t>& rows,
                     MpiPending& pending) {
    std::vector<int> counts, starts;
    int at = 0;
    for (int64_t n : rows) {
      counts.push_back(static_cast<int>(n * row_elements(in)));
      starts.push_back(at);
      at += counts.back();
    }
    const MPI_Datatype type = mpi_type(in.scalar_type());
    pending.tensors = {in, out};
    pending.counts = {std::move(counts), std::move(starts)};
    MPI_CHECK(MPI_Iallgatherv(in.const_data_ptr(), static_cast<int>(in.numel()), type, out.mutable_data_ptr(),
                              pending.counts[0].data(), pending.counts[1].data(), type, group_->comm, add(pending)));
  }

  // For sizes beyond an int: broadcasts each rank's part separately, in pieces.
  void gather_by_broadcasts(const at::Tensor& in, const at::Tensor& out, const std::vector<int64_t>& rows,
                            MpiPending& pending) {
    int64_t row = 0;
    for (int root = 0; root < size(); ++root) {
      const at::Tensor part = out.narrow(0, row, rows[static_cast<size_t>(root)]);
      if (root == rank()) part.copy_(in);
      broadcast_pieces(part, root, pending);
      row += part.size(0);
    }
  }

  // For sizes beyond an int: reduces each part separately to its rank, in pieces.
  void scatter_by_reductions(const at::Tensor& in, const at::Tensor& out, MPI_Op op, MpiPending& pending) {
    const int64_t rows = out.size(0);
    for (int root = 0; root < size(); ++root) {
      auto* result = static_cast<char*>(out.mutable_data_ptr());
      each_piece(in.narrow(0, root * rows, rows), pending,
                 [&](void* data, int count, MPI_Datatype type, MPI_Request* request) {
                   MPI_CHECK(MPI_Ireduce(data, result, count, type, op, root, group_->comm, request));
                   result += count * in.itemsize();
                 });
    }
    pending.tensors.push_back(out);
  }

  WorkPtr start(const char* name, const at::Tensor& tensor, const Launch& launch) {
    return begin({name, group_->name, ++collectives_, bytes(tensor), {}}, others(*group_, rank()), launch);
  }

  void message(const char* name, const at::Tensor& tensor, int peer, const Piece& piece) {
    begin({name, group_->name, ++messages_, bytes(tensor), {}}, {peer}, [&](MpiPending& pending) {
      each_piece(tensor, pending, piece);
    })->wait();
  }

  WorkPtr begin(Operation operation, std::vector<int> awaited, const Launch& launch) {
    if (!group_->failure.empty()) throw CommError(group_->failure, true);
    MpiPending pending;
    {
      MpiLock lock(group_->process->mutex);
      launch(pending);
    }
    return std::make_shared<MpiWork>(group_, std::move(operation), std::move(awaited), deadline().count(),
                                     std::move(pending));
  }

  static uint64_t bytes(const at::Tensor& tensor) {
    return tensor.defined() ? static_cast<uint64_t>(tensor.nbytes()) : 0;
  }

  std::shared_ptr<MpiGroup> group_;
  uint64_t collectives_ = 0;
  uint64_t messages_ = 0;
};

std::unique_ptr<Communicator> MpiCommunicator::split(int colour, int key, const std::string& name) {
  do_barrier();  // MPI_Comm_split has no deadline, so first make sure that all ranks are here
  MPI_Comm comm = MPI_COMM_NULL;
  {
    MpiLock lock(group_->process->mutex);
    const PhaseWatch watch = watch_phase(*group_->process, "the split of group " + group_->name);
    MPI_CHECK(MPI_Comm_split(group_->comm, colour, key, &comm));
  }
  return make_mpi_communicator(make_mpi_group(group_->process, comm, name, group_->largest_count), deadline());
}

}  // namespace

std::unique_ptr<Communicator> make_mpi_communicator(std::shared_ptr<MpiGroup> group,
                                                    std::chrono::duration<double> deadline) {
  auto communicator = std::make_unique<MpiCommunicator>(std::move(group));
  communicator->set_deadline(deadline);
  return communicator;
}

}  // namespace filigree::dist
