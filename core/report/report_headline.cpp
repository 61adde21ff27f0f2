// Name, state and the headline figures of a report.
#include <fmt/format.h>

#include "core/files/disk.h"
#include "core/log/progress.h"
#include "core/report/report_parts.h"
#include "core/report/report_svg.h"

namespace filigree::train {
namespace {

std::string hero_figure(const std::string& text, const std::string& caption) {
  return fmt::format("<div><div class=\"figure\">{}</div><p>{}</p></div>", text, escape_html(caption));
}

/// Whether the last evaluation is better than the one right after the prune.
bool has_recovered(const RunData& run) {
  const auto value = [&](const EvalRecord* eval) { return eval ? drawable(eval->value(run.metric)) : std::nullopt; };
  const auto pruned = value(run.just_pruned()), last = value(run.recovered());
  if (!pruned || !last) return false;
  return run.metric == "loss" || run.metric == "perplexity" ? *last < *pruned : *last > *pruned;
}

std::string hero(const RunData& run) {
  std::string figures;
  const auto add = [&](const EvalRecord* eval, const std::string& caption) {
    if (!eval || run.metric.empty()) return;
    const auto value = drawable(eval->value(run.metric));
    figures += hero_figure(value ? metric_text(*value) : "not finite", caption);
  };
  const char* now = run.finished ? "at the end" : "so far";
  add(run.adapted(), run.prunes.empty() ? now : "adapted");
  add(run.just_pruned(), "just pruned");
  add(run.recovered(), has_recovered(run) ? fmt::format("recovered, {}", now) : now);
  if (figures.empty()) return "<section class=\"card\"><p class=\"soft\">No evaluation yet.</p></section>\n";
  return fmt::format(
      "<section class=\"card\"><p class=\"soft\" style=\"margin-bottom:6px\">{} on {}</p><div "
      "class=\"hero\">{}</div></section>\n",
      escape_html(run.metric), escape_html(run.split), figures);
}

std::string tile(const std::string& figure, const std::string& caption) {
  return fmt::format("<div class=\"card tile\"><div class=\"figure\">{}</div><p>{}</p></div>\n", escape_html(figure),
                     escape_html(caption));
}

const StageSummary* first_trained(const RunData& run) {
  for (const auto& stage : run.stages)
    if (stage.record.trainable) return &stage;
  return nullptr;
}

std::string communication_tile(const StageRecord& stage) {
  const auto own = stage.comm_bytes_per_step.value_or(0), full = stage.full_comm_bytes_per_step.value_or(0);
  if (own <= 0 || full <= 0) return tile("none", "bytes exchanged: the run has one rank");
  return tile(files::format_bytes(static_cast<uint64_t>(own)),
              fmt::format("exchanged per step, {} of full fine-tuning's {}",
                          percent(static_cast<double>(own) / static_cast<double>(full)),
                          files::format_bytes(static_cast<uint64_t>(full))));
}

std::string size_tile(const RunData& run) {
  std::optional<int64_t> before, after;
  for (const auto& stage : run.stages) {
    if (!stage.record.total) continue;
    if (!before) before = stage.record.total;
    after = stage.record.total;
  }
  if (!before) return "";
  const auto first = static_cast<double>(*before), last = static_cast<double>(*after);
  if (after == before) return tile(format_count(first), "parameters in total, including updates");
  if (after > before)
    return tile(format_count(last), fmt::format("parameters in total, including updates: {} more than the {} at first",
                                                percent(last / first - 1), format_count(first)));
  return tile(format_count(last), fmt::format("parameters left of {}, including updates: {} fewer", format_count(first),
                                              percent(1 - last / first)));
}

/// How far the model is pruned, as the last record of it says.
struct PrunedState {
  std::optional<double> sparsity, merged_sparsity, flops_ratio;
  bool is_final = false;  ///< nothing is attached or trained after it
  bool by_this_run = true;
};

std::optional<PrunedState> pruned_state(const RunData& run) {
  const auto of = [&](const auto& record, bool is_final) {
    return PrunedState{record.sparsity, record.merged_sparsity, record.flops_ratio, is_final, !run.prunes.empty()};
  };
  if (run.end) return of(*run.end, true);
  if (!run.prunes.empty()) return of(run.prunes.back().record, false);
  return run.start ? std::optional(of(*run.start, false)) : std::nullopt;
}

/// What the share of zeros is of: an update that is merged fills zeros of the base weights.
std::string sparsity_caption(const PrunedState& state) {
  if (state.merged_sparsity)
    return fmt::format("of the encoder's weights are zero when the updates are merged, {} of the base weights",
                       percent(state.sparsity.value_or(0)));
  return state.is_final ? "of the encoder's weights are zero"
                        : "of the encoder's base weights are zero; the merge of an update fills zeros";
}

std::string cost_tiles(const RunData& run) {
  constexpr double kNoticeable = 0.001;  // pretrained weights contain some zeros
  const auto state = pruned_state(run);
  if (!state) return tile("100%", "FLOPs of a forward pass: nothing was pruned");
  const std::string when = state->by_this_run ? "" : " (pruned before this run)";
  const double ratio = state->flops_ratio.value_or(1);
  const bool sparse = state->sparsity.value_or(0) >= kNoticeable;
  std::string out;
  if (!sparse || ratio < 1 || !run.heads.empty() || !run.neurons.empty())
    out += tile(percent(ratio), "of the unpruned model's FLOPs in a forward pass" + when);
  if (sparse) out += tile(percent(state->merged_sparsity.value_or(*state->sparsity)), sparsity_caption(*state) + when);
  return out;
}

std::string tiles(const RunData& run) {
  if (run.stages.empty() && !run.start) return "";
  std::string out;
  if (const auto* stage = first_trained(run)) {
    out += communication_tile(stage->record);
    const auto trainable = static_cast<double>(*stage->record.trainable);
    const double share = stage->record.total ? trainable / static_cast<double>(*stage->record.total) : 0;
    out += tile(format_count(trainable),
                fmt::format("parameters trained in {}, {} of the total", stage->name, percent(share)));
  }
  return "<div class=\"tiles\">" + out + cost_tiles(run) + size_tile(run) + "</div>\n";
}

}  // namespace

std::string report_heading(const RunData& run) {
  const std::string step = run.last_step > 0 ? fmt::format("step {}", run.last_step) : "no recorded step";
  const std::string state = run.finished ? "finished" : "unfinished: " + step;
  const std::string error =
      run.error.empty()
          ? ""
          : fmt::format("<section class=\"card\"><p>The last start of the run failed. log.txt: {}</p></section>\n",
                        escape_html(run.error));
  return fmt::format("<header><h1>{}</h1><span class=\"state{}\">{}</span></header>\n{}", escape_html(run.name),
                     run.finished ? " done" : "", state, error);
}

std::string report_headline(const RunData& run) { return hero(run) + tiles(run); }

}  // namespace filigree::train
