#pragma once
// The values and data types that the weights of an export have in its files.
//
// A weight is unchanged if it is equal to the base model's, or to the base model's after the rounding for computing
// (parallel.precision: bf16). It is written with the exact values of the base's files:
//
//   auto   unchanged weights in the data type of the base's files, all others fp32
//   fp32   all weights fp32
//   bf16   all weights rounded to bf16
//
// A tensor of the files that several weights are fused into (GPT-2's c_attn) has the widest of their types. Base weights
// in 64 bits count as fp32, because filigree reads them so.
#include <c10/core/ScalarType.h>

#include <map>
#include <memory>
#include <string>

#include "core/nn/model.h"
#include "core/recipe/choices.h"
#include "core/safetensors/safetensors.h"

namespace filigree::checkpoint {

using recipe::ExportDtype;

/// A base model as its files hold it.
struct BaseWeights {
  std::unique_ptr<nn::Model> model;              ///< nullptr: there is none
  std::map<std::string, at::ScalarType> dtypes;  ///< by parameter; those that the files lack are absent
  std::string problem;                           ///< why the files could not be read; empty: they could
};

/// The tensors to write for the merged state of `model` (export.h), with the same names and order. A tensor that is
/// written as it is, is the same object.
NamedTensors in_file_types(nn::Model& model, const NamedTensors& state, const BaseWeights& base, ExportDtype dtype);

/// "float32", "bfloat16" or "float16": the type of all tensors, else "float32". For `dtype` in config.json.
std::string common_dtype(const NamedTensors& tensors);

/// Replaces the values of a model that was read back from `written` by those of `state`, where they differ. Throws
/// InternalError if what was read is not what was written.
void restore_values(nn::Model& reread, const NamedTensors& state, const NamedTensors& written);

}  // namespace filigree::checkpoint
