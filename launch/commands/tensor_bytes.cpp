#include "launch/commands/tensor_bytes.h"

#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <utility>

namespace filigree::launch {
namespace {

constexpr uint8_t kPriority = 100;  // above LibTorch's own; an allocator may replace another of the same priority

/// Shared with every block, since a tensor may outlive the allocator.
struct Totals {
  std::atomic<uint64_t> now{0}, peak{0};

  void add(uint64_t bytes) {
    const uint64_t sum = now += bytes;
    uint64_t most = peak;
    while (sum > most && !peak.compare_exchange_weak(most, sum)) {
    }
  }
};

/// Precedes a tensor's memory because LibTorch frees some tensors by their address alone.
struct Block {
  std::shared_ptr<Totals> totals;
  uint64_t bytes;
  c10::DataPtr memory;  ///< the block and what follows it
};
constexpr size_t kHeader = 64;  // LibTorch's alignment
static_assert(sizeof(Block) <= kHeader);

void release(void* data) {
  if (data == nullptr) return;
  auto* stored = reinterpret_cast<Block*>(static_cast<char*>(data) - kHeader);
  const Block block = std::move(*stored);
  stored->~Block();
  block.totals->now -= block.bytes;
}

}  // namespace

class TensorBytes::Counting final : public c10::Allocator {
 public:
  explicit Counting(c10::Allocator& inner) : inner_(inner) {}

  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, release, c10::Device(c10::DeviceType::CPU)};
    c10::DataPtr memory = inner_.allocate(bytes + kHeader);
    const c10::Device device = memory.device();
    auto* place = static_cast<char*>(memory.mutable_get());
    new (place) Block{totals, bytes, std::move(memory)};
    totals->add(bytes);
    return {place + kHeader, place + kHeader, release, device};
  }
  c10::DeleterFnPtr raw_deleter() const override { return release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }

  std::shared_ptr<Totals> totals = std::make_shared<Totals>();

 private:
  c10::Allocator& inner_;
};

TensorBytes::TensorBytes() : former_(c10::GetCPUAllocator()), counting_(std::make_unique<Counting>(*former_)) {
  c10::SetCPUAllocator(counting_.get(), kPriority);
}

TensorBytes::~TensorBytes() { c10::SetCPUAllocator(former_, kPriority); }

uint64_t TensorBytes::now() const { return counting_->totals->now; }
uint64_t TensorBytes::peak() const { return counting_->totals->peak; }
void TensorBytes::restart() { counting_->totals->peak = counting_->totals->now.load(); }

}  // namespace filigree::launch
