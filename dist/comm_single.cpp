// One rank: nothing to send, the same contract.
#include <utility>

#include "dist/factory.h"
#include "dist/group.h"

namespace filigree::dist {
namespace {

class DoneWork : public Work {
 public:
  bool done() override { return true; }
  void wait() override {}
};

class SingleCommunicator : public Communicator {
 public:
  explicit SingleCommunicator(std::string name) : name_(std::move(name)), hosts_{host_name()} {}

  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::string backend() const override { return "single"; }
  std::string name() const override { return name_; }
  const std::vector<std::string>& hosts() const override { return hosts_; }

  std::unique_ptr<Communicator> split(int, int, const std::string& name) override {
    auto part = std::make_unique<SingleCommunicator>(name);
    part->set_deadline(deadline());
    return part;
  }
  void abort(int) override {}  // no other process; the caller ends this one

 protected:
  WorkPtr do_all_reduce(at::Tensor, ReduceOp) override { return std::make_shared<DoneWork>(); }
  WorkPtr do_all_gather(const at::Tensor& in, at::Tensor out) override {
    out.copy_(in);
    return std::make_shared<DoneWork>();
  }
  std::vector<at::Tensor> do_all_gather_ragged(const at::Tensor& in, const std::vector<int64_t>&) override {
    return {in.clone()};
  }
  void do_reduce_scatter(const at::Tensor& in, at::Tensor out) override { out.copy_(in); }
  void do_broadcast(at::Tensor, int) override {}
  void do_send(const at::Tensor&, int) override {}  // unreachable: there is no peer, so Communicator::send throws
  void do_recv(at::Tensor, int) override {}
  void do_barrier() override {}
  bool takes(at::Device) const override { return true; }

 private:
  std::string name_;
  std::vector<std::string> hosts_;
};

}  // namespace

std::unique_ptr<Communicator> make_single(const std::string& name) {
  return std::make_unique<SingleCommunicator>(name);
}

}  // namespace filigree::dist
