#pragma once
// What a run starts from, by content: base weights, configuration, tokenizer, LoRA and data. The ranks
// compare it at the start; a resumed run compares it with the checkpoint.
//
// Cost: each host reads the weights once more than loading does, usually from its page cache. Of the ranks
// that see the same file (host, device, inode, size and modification time), one hashes it.
#include <map>
#include <string>

#include "core/data/dataset.h"
#include "core/recipe/recipe.h"
#include "core/run/agreement.h"
#include "dist/communicator.h"

namespace filigree::train {

struct Origin {
  std::string base;                            ///< content hash of the weights of model.path, or "random-<seed>"
  std::map<std::string, std::string> files;    ///< configuration and tokenizer files of model.path: XXH3 by name
  std::map<std::string, std::string> adapter;  ///< files of model.init_lora
  std::string train;                           ///< the training set
  std::map<std::string, std::string> eval;     ///< the sets of eval.split, by split
};

std::string data_hash(const data::Dataset& dataset);

/// Hashes of the configuration and tokenizer files that exist in a model directory.
std::map<std::string, std::string> model_file_hashes(const std::string& dir);

/// Content hash of the weights in `dir` as this rank sees them. DataError, the same on all ranks, if one of
/// them cannot read its files. Collective.
std::string weights_hash(dist::Communicator& ranks, const std::string& dir);

/// Collective. The ranks may have different origins: see origin_subject().
Origin origin_of(const recipe::Recipe& recipe, const data::Dataset& train, const std::vector<data::Dataset>& eval,
                 dist::Communicator& ranks);

Subject origin_subject(const Origin& origin, const recipe::Recipe& recipe);

/// Throws a DataError that names what changed if the weights or files of model.path differ from `before`.
/// checkpoint: its path, for the message.
void check_base(const std::string& base, const std::map<std::string, std::string>& files, const Origin& before,
                const std::string& dir, const std::string& checkpoint);

}  // namespace filigree::train
