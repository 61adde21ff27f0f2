#include "dist/grad_buckets.h"

#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace filigree::dist {
namespace {

namespace autograd = torch::autograd;

class ReadyHook : public autograd::FunctionPostHook {
 public:
  explicit ReadyHook(std::function<void()> ready) : ready_(std::move(ready)) {}
  autograd::variable_list operator()(const autograd::variable_list& outputs, const autograd::variable_list&) override {
    ready_();
    return outputs;
  }

 private:
  std::function<void()> ready_;
};

struct Leaf {
  at::Tensor tensor;
  at::Tensor grad;                             // view of the flat buffer
  std::shared_ptr<autograd::Node> accumulate;  // autograd itself holds a weak reference
  uintptr_t hook = 0;
  size_t bucket = 0;
  int additions = 1;  // of a backward pass
  int arrived = 0;
};

struct Bucket {
  at::Tensor grads;   // its range of the flat buffer
  at::Tensor staged;  // the data as sent, if not fp32
  WorkPtr work;
  int64_t leaves = 0;
  int64_t waiting_for = 0;  // leaves whose gradient is not complete yet
};

at::Tensor check_leaf(const at::Tensor& leaf) {
  if (leaf.is_leaf() && leaf.requires_grad() && leaf.scalar_type() == at::kFloat) return leaf;
  throw std::invalid_argument("gradient buckets: a parameter must be an fp32 leaf that requires grad");
}

}  // namespace

// Buckets are launched in a fixed order (0, 1, ...: the last leaves first), so that all ranks call the same collectives
// regardless of the order in which their gradients arrive. Hooks run in autograd's threads: `mutex` guards everything
// except the elements of `flat`.
struct GradBuckets::Impl {
  Impl(const std::vector<at::Tensor>& tensors, Communicator& communicator, const BucketOptions& bucket_options);
  ~Impl();

  void lay_out(const std::vector<at::Tensor>& tensors);
  void cut();
  void attach();
  void on_ready(size_t leaf);
  void launch(Bucket& bucket);
  void collect(Bucket& bucket);
  void check_grads() const;
  bool alone() const { return dp.size() == 1; }

  Communicator& dp;
  BucketOptions options;
  at::Tensor flat;
  std::vector<Leaf> leaves;
  std::vector<Bucket> buckets;
  size_t launched = 0;  // buckets 0 .. launched-1 are in flight
  bool armed = false;
  std::mutex mutex;
};

GradBuckets::Impl::Impl(const std::vector<at::Tensor>& tensors, Communicator& communicator,
                        const BucketOptions& bucket_options)
    : dp(communicator), options(bucket_options) {
  if (options.dtype != at::kFloat && options.dtype != at::kBFloat16) {
    throw std::invalid_argument("gradient buckets: the data type must be float32 or bfloat16");
  }
  lay_out(tensors);
  cut();
  attach();
}

GradBuckets::Impl::~Impl() {
  for (Leaf& leaf : leaves) {
    if (leaf.accumulate) leaf.accumulate->del_post_hook(leaf.hook);
  }
}

void GradBuckets::Impl::lay_out(const std::vector<at::Tensor>& tensors) {
  int64_t total = 0;
  for (const at::Tensor& tensor : tensors) total += check_leaf(tensor).numel();
  const at::Device device = tensors.empty() ? at::Device(at::kCPU) : tensors[0].device();
  flat = at::zeros({total}, at::TensorOptions().dtype(at::kFloat).device(device));
  int64_t start = 0;
  for (const at::Tensor& tensor : tensors) {
    const int additions = options.additions.empty() ? 1 : options.additions.at(leaves.size());
    leaves.push_back({tensor, flat.narrow(0, start, tensor.numel()).view(tensor.sizes()), nullptr, 0, 0, additions});
    start += tensor.numel();
  }
}

// From the last leaf to the first; a bucket is closed once it holds bucket_bytes.
void GradBuckets::Impl::cut() {
  int64_t end = flat.numel(), start = end, count = 0;
  for (size_t i = leaves.size(); i-- > 0;) {
    start -= leaves[i].tensor.numel();
    leaves[i].bucket = buckets.size();
    ++count;
    if (i > 0 && (end - start) * static_cast<int64_t>(sizeof(float)) < options.bucket_bytes) continue;
    buckets.push_back({flat.narrow(0, start, end - start), {}, nullptr, count, count});
    end = start;
    count = 0;
  }
}

void GradBuckets::Impl::attach() {
  for (size_t i = 0; i < leaves.size(); ++i) {
    Leaf& leaf = leaves[i];
    leaf.tensor.mutable_grad() = leaf.grad;
    leaf.accumulate = autograd::impl::grad_accumulator(leaf.tensor);
    leaf.hook = leaf.accumulate->add_post_hook(std::make_unique<ReadyHook>([this, i] { on_ready(i); }));
  }
}

void GradBuckets::Impl::on_ready(size_t index) {
  std::lock_guard lock(mutex);
  Leaf& leaf = leaves[index];
  if (!armed) return;
  if (leaf.arrived == leaf.additions)
    throw std::logic_error("gradient buckets: a second backward after arm(): arm only the last micro-batch");
  if (++leaf.arrived < leaf.additions) return;
  --buckets[leaf.bucket].waiting_for;
  // MPI makes progress only inside its own calls: poll the collectives in flight.
  for (size_t i = 0; i < launched; ++i) buckets[i].work->done();
  while (launched < buckets.size() && buckets[launched].waiting_for == 0) launch(buckets[launched]);
}

void GradBuckets::Impl::launch(Bucket& bucket) {
  if (options.dtype == at::kFloat || alone()) {
    bucket.work = dp.all_reduce_async(bucket.grads);
  } else {
    bucket.staged = bucket.grads.to(options.dtype);
    bucket.work = dp.all_reduce_async(bucket.staged);
  }
  ++launched;
}

void GradBuckets::Impl::collect(Bucket& bucket) {
  bucket.work->wait();
  if (bucket.staged.defined()) bucket.grads.copy_(bucket.staged);
  bucket.work = nullptr;
  bucket.staged = at::Tensor();
  bucket.waiting_for = bucket.leaves;
}

// A gradient that was replaced (zero_grad(set_to_none), an assignment) would silently be left out of the sum.
void GradBuckets::Impl::check_grads() const {
  for (const Leaf& leaf : leaves) {
    if (leaf.tensor.grad().defined() && leaf.tensor.grad().const_data_ptr() == leaf.grad.const_data_ptr()) continue;
    throw std::logic_error("gradient buckets: a parameter's grad() is no longer its view of the flat buffer");
  }
}

GradBuckets::GradBuckets(const std::vector<at::Tensor>& leaves, Communicator& dp, BucketOptions options)
    : impl_(std::make_unique<Impl>(leaves, dp, options)) {}

GradBuckets::~GradBuckets() = default;

void GradBuckets::zero() {
  std::lock_guard lock(impl_->mutex);
  if (impl_->launched > 0) throw std::logic_error("gradient buckets: zero() before finish()");
  impl_->flat.zero_();
  impl_->armed = false;
}

void GradBuckets::arm() {
  std::lock_guard lock(impl_->mutex);
  impl_->armed = true;
}

void GradBuckets::finish() {
  std::lock_guard lock(impl_->mutex);
  impl_->armed = false;
  impl_->check_grads();
  for (size_t i = impl_->launched; i < impl_->buckets.size(); ++i) impl_->launch(impl_->buckets[i]);
  for (Bucket& bucket : impl_->buckets) impl_->collect(bucket);
  for (Leaf& leaf : impl_->leaves) leaf.arrived = 0;
  impl_->launched = 0;
}

const at::Tensor& GradBuckets::flat() const { return impl_->flat; }
int64_t GradBuckets::total() const { return impl_->flat.numel(); }

}  // namespace filigree::dist
