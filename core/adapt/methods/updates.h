#pragma once
// Shared by the methods that add an update to some linears and freeze the rest.
#include <cstdint>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/nn/model.h"

namespace filigree::adapt {

inline constexpr const char* kTargetsHelp =
    "linears that get an update, by the last words of their names; '*' stands for one word";
inline constexpr const char* kHeadHelp = "also train the task head";

/// The linears that match the targets; without targets, those of the encoder. Throws KeyError if one has an adapter of an earlier stage or is itself trained.
std::vector<nn::Linear*> free_linears(nn::Model& model, const std::vector<std::string>& targets, bool train_head);

/// Throws KeyError of the option `key` if the rank is larger than that of a target: a product U V has at most the rank of a
/// full matrix.
void check_rank(nn::Model& model, const std::vector<std::string>& targets, const std::string& key, int64_t rank);

/// Throws KeyError of `targets` if an earlier stage has given the linear a mask: another one cannot be learned.
void refuse_masked(const nn::Linear& linear);

/// Trains only the adapters and, with train_head, the head.
void freeze_rest(nn::Model& model, const std::vector<nn::Linear*>& adapted, bool train_head);

}  // namespace filigree::adapt
