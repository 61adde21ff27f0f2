#include "core/adapt/update_masks.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones.h>

#include <algorithm>
#include <cctype>
#include <ranges>
#include <string_view>

#include "core/name_pattern.h"
#include "core/random.h"
#include "core/selection/entry_numbers.h"

namespace filigree::adapt {
namespace {

constexpr int64_t kGrain = 1 << 14;  // minimum number of entries per thread

bool is_in_layer(const std::string& name) {
  return std::ranges::any_of(words_of(name), [](std::string_view word) {
    return !word.empty() && std::ranges::all_of(word, [](unsigned char c) { return std::isdigit(c) != 0; });
  });
}

/// The mask changes with its parameter if a linear owns that.
void follow(nn::Model& model, const UpdateMask& mask) {
  for (nn::Linear* linear : model.linears()) {
    if (linear->weight() == mask.covered) linear->follow({mask.mask, 0, 1});
    if (linear->bias() == mask.covered) linear->follow({mask.mask, 0, -1});
  }
}

at::Tensor drawn(const nn::Parameter& parameter, uint64_t stream, double share) {
  at::Tensor mask = at::empty(parameter.sizes(), at::kByte);
  auto* value = mask.mutable_data_ptr<uint8_t>();
  const selection::EntryNumbers numbers(parameter);
  at::parallel_for(0, mask.numel(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      value[i] = random::uniform(stream, static_cast<uint64_t>(numbers.of(i))) < share ? 1 : 0;
  });
  return mask.to(parameter.device());
}

}  // namespace

std::vector<nn::ParameterPtr> trained_in_layers(nn::Model& model) {
  std::vector<nn::ParameterPtr> trained;
  for (const nn::ParameterPtr& parameter : model.parameters())
    if (parameter->trainable() && is_in_layer(parameter->name)) trained.push_back(parameter);
  return trained;
}

std::vector<UpdateMask> add_update_masks(nn::Model& model, const std::vector<nn::ParameterPtr>& covered,
                                         nn::Role role) {
  std::vector<UpdateMask> masks;
  for (const nn::ParameterPtr& parameter : covered) {
    const at::Tensor ones = at::ones(parameter->sizes(), at::TensorOptions(at::kByte).device(parameter->device()));
    UpdateMask mask{parameter, model.parameters().add(parameter->name + ".update_mask", ones, role)};
    mask.mask->placement = parameter->placement;
    mask.mask->logical_shape = parameter->logical_shape;
    follow(model, mask);
    masks.push_back(std::move(mask));
  }
  return masks;
}

void remove_update_masks(nn::Model& model, std::vector<UpdateMask>& masks) {
  for (const UpdateMask& mask : masks) {
    for (nn::Linear* linear : model.linears()) linear->leave(*mask.mask);
    model.parameters().remove(std::string(mask.mask->name));
  }
  masks.clear();
}

void set_masks(const std::vector<UpdateMask>& masks, const std::vector<at::Tensor>& values) {
  for (size_t i = 0; i < masks.size(); ++i) masks[i].mask->set_value(values[i]);
}

void draw_masks(const std::vector<UpdateMask>& masks, uint64_t stream, double share) {
  for (const UpdateMask& mask : masks)
    mask.mask->set_value(drawn(*mask.covered, random::combine(stream, random::hash(mask.covered->name)), share));
}

void mask_gradients(const std::vector<UpdateMask>& masks, double factor) {
  const at::NoGradGuard no_grad;
  for (const UpdateMask& mask : masks) {
    at::Tensor gradient = mask.covered->value().grad();
    if (!gradient.defined()) continue;
    gradient.mul_(mask.mask->value());
    if (factor != 1.0) gradient.mul_(factor);
  }
}

std::vector<nn::EntryMask> entry_masks(const std::vector<UpdateMask>& masks) {
  std::vector<nn::EntryMask> entries;
  for (const UpdateMask& mask : masks) entries.push_back({mask.covered, mask.mask->value()});
  return entries;
}

}  // namespace filigree::adapt
