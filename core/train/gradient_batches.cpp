#include "core/train/gradient_batches.h"

#include <memory>
#include <vector>

#include "core/data/collate.h"
#include "core/data/sampler.h"
#include "core/data/to_device.h"
#include "core/random.h"

namespace filigree::train {

nn::GradientBatches gradient_batches(Session& session, int64_t batches, int64_t batch_size, const std::string& stream) {
  const auto sampler = std::make_shared<data::Sampler>(
      session.train_data.size(), batch_size, random::stream(static_cast<uint64_t>(session.recipe.seed), stream));
  const auto lengths = std::make_shared<std::vector<int64_t>>(session.train_data.lengths());
  dist::Communicator& dp = session.mesh->dp();
  const auto run_batch = [&session, &dp, sampler, lengths](int64_t i) {
    const auto global = sampler->batch(i);
    const auto share = data::share(global, *lengths, dp.rank(), dp.size(), 1).front();
    if (share.empty()) return;
    const auto mask_epoch = static_cast<uint64_t>(sampler->epoch(i)) + 1;
    const auto batch = to(data::collate(session.train_data, share, mask_epoch), session.device);
    const auto output = session.model->forward(batch, session.forward_context(false));
    // The mean over the samples of the global batch, in language modeling too: a rank does not know how many tokens
    // with a loss the other ranks have.
    output.loss_sum.div(static_cast<double>(global.size())).backward();
  };
  return {batches, run_batch, dp};
}

}  // namespace filigree::train
