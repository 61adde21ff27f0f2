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

std::string hero(const RunData& run) {
  std::string figures;
  const auto add = [&](const EvalRecord* eval, const std::string& caption) {
    if (!eval || run.metric.empty()) return;
    const auto value = drawable(eval->value(run.metric));
    figures += hero_figure(value ? metric_text(*value) : "not finite", caption);
  };
  const bool pruned = !run.prunes.empty();
  const auto* last = run.recovered();
  add(run.adapted(), pruned ? "adapted" : run.finished ? "at the end" : "so far");
  add(run.just_pruned(), "just pruned");
  add(last, last && run.finished ? "recovered" : "recovered so far");
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
  if (after == before)
    return tile(format_count(static_cast<double>(*before)), "parameters in total, including updates");
  return tile(
      format_count(static_cast<double>(*after)),
      fmt::format("parameters left of {}, including updates: {} fewer", format_count(static_cast<double>(*before)),
                  percent(1 - static_cast<double>(*after) / static_cast<double>(*before))));
}

std::string cost_tile(const RunData& run) {
  if (run.prunes.empty()) return tile("100%", "FLOPs of a forward pass: nothing was pruned");
  const PruneRecord& prune = run.prunes.back().record;
  if (prune.sparsity && run.heads.empty() && run.neurons.empty())
    return tile(percent(*prune.sparsity), "of the encoder's weights are zero");
  return tile(percent(prune.flops_ratio.value_or(1)), "of the unpruned model's FLOPs in a forward pass");
}

std::string tiles(const RunData& run) {
  std::string out;
  if (const auto* stage = first_trained(run)) {
    out += communication_tile(stage->record);
    const auto trainable = static_cast<double>(*stage->record.trainable);
    const double share = stage->record.total ? trainable / static_cast<double>(*stage->record.total) : 0;
    out += tile(format_count(trainable),
                fmt::format("parameters trained in {}, {} of the total", stage->name, percent(share)));
  }
  return "<div class=\"tiles\">" + out + cost_tile(run) + size_tile(run) + "</div>\n";
}

}  // namespace

std::string report_heading(const RunData& run) {
  const std::string state = run.finished ? "finished" : fmt::format("unfinished: step {}", run.last_step);
  return fmt::format("<header><h1>{}</h1><span class=\"state{}\">{}</span></header>\n", escape_html(run.name),
                     run.finished ? " done" : "", state);
}

std::string report_headline(const RunData& run) { return hero(run) + tiles(run); }

}  // namespace filigree::train
