#pragma once
// Masks over parameters that train: which entries are updated. A mask is a parameter "<parameter>.update_mask", uint8, placed
// and changed with the parameter that it covers.
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

#include "core/enum_names.h"
#include "core/nn/model.h"
#include "core/nn/parameter.h"

namespace filigree::adapt {

/// What entries that are not selected do: drift with the moments and the weight decay, as published, or stay.
enum class Unselected { drift, stay };
constexpr std::array<EnumName<Unselected>, 2> enum_names(Unselected) {
  return {{{Unselected::drift, "drift"}, {Unselected::stay, "stay"}}};
}

struct UpdateMask {
  nn::ParameterPtr covered, mask;
};

/// The trained parameters of the model's numbered layers ("bert.encoder.layer.3.", "h.3."), in the table's order.
std::vector<nn::ParameterPtr> trained_in_layers(nn::Model& model);

/// Masks that keep everything, for each of `covered`. role: buffer if a checkpoint must contain them, else derived.
std::vector<UpdateMask> add_update_masks(nn::Model& model, const std::vector<nn::ParameterPtr>& covered, nn::Role role);

/// Removes the masks from the model and from the list.
void remove_update_masks(nn::Model& model, std::vector<UpdateMask>& masks);

/// values: uint8 of the local shapes, in the order of the masks.
void set_masks(const std::vector<UpdateMask>& masks, const std::vector<at::Tensor>& values);

/// Draws each entry: 1 with probability `share`. A function of (stream, name, logical index).
void draw_masks(const std::vector<UpdateMask>& masks, uint64_t stream, double share);

/// gradient := gradient * mask * factor
void mask_gradients(const std::vector<UpdateMask>& masks, double factor = 1.0);

/// For Method::moving.
std::vector<nn::EntryMask> entry_masks(const std::vector<UpdateMask>& masks);

}  // namespace filigree::adapt
