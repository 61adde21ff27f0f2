// What a run did, in numbers: the pruned structure, bytes per step, the table of stages, the recipe.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/files/disk.h"
#include "core/log/exports_in.h"
#include "core/log/progress.h"
#include "core/report/report_parts.h"
#include "core/report/report_svg.h"

namespace filigree::train {
namespace {

std::pair<size_t, int64_t> units(const Shapes& shapes) {
  size_t kept = 0;
  int64_t total = 0;
  for (const auto& [layer, shape] : shapes) kept += shape.kept.size(), total += shape.total;
  return {kept, total};
}

std::optional<double> median(const RunData& run, const std::string& stage, std::optional<double> TrainRecord::*value) {
  std::vector<double> values;
  for (const auto& record : run.train)
    if (const auto found = drawable(record.*value); found && record.stage == stage) values.push_back(*found);
  if (values.empty()) return std::nullopt;
  std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

std::optional<double> last_metric(const RunData& run, const std::string& stage) {
  std::optional<double> value;
  for (const auto& eval : run.evals)
    if (eval.stage == stage && eval.split == run.split && eval.value(run.metric)) value = eval.value(run.metric);
  return drawable(value);
}

template <class Value, class Format>
std::string cell(const std::optional<Value>& value, const Format& format) {
  return "<td>" + (value ? escape_html(format(*value)) : std::string("–")) + "</td>";
}

std::string stage_row(const RunData& run, const StageSummary& stage) {
  const auto count = [](double value) { return format_count(value); };
  const auto last_loss = [&]() -> std::optional<double> {
    for (auto it = run.train.rbegin(); it != run.train.rend(); ++it)
      if (it->stage == stage.name) return drawable(it->loss);
    return std::nullopt;
  }();
  const int64_t done = stage.last_step - stage.first_step;
  std::string row = "<tr><td>" + escape_html(stage.name) + "</td>";
  // A prune without training counts as a step of the run, but trains nothing.
  const StageRecord& planned = stage.record;
  const auto steps = planned.steps || !last_loss ? planned.steps : std::optional(done);
  row += cell(steps,
              [&](int64_t all) { return done < all ? fmt::format("{} of {}", done, all) : fmt::format("{}", all); });
  row += cell(planned.trainable, [&](int64_t number) { return format_count(static_cast<double>(number)); });
  const auto bytes_sent = planned.comm_bytes_per_step.value_or(0) > 0 ? planned.comm_bytes_per_step : std::nullopt;
  row += cell(bytes_sent, [](int64_t bytes) { return files::format_bytes(static_cast<uint64_t>(bytes)); });
  row += cell(median(run, stage.name, &TrainRecord::step_ms), [](double ms) { return fmt::format("{:.0f} ms", ms); });
  row += cell(median(run, stage.name, &TrainRecord::tokens_per_s), count);
  row += cell(last_loss, metric_text);
  return row + cell(last_metric(run, stage.name), [](double value) { return fmt::format("{:.4f}", value); }) +
         "</tr>\n";
}

std::string stages_card(const RunData& run) {
  if (run.stages.empty()) return "";
  std::string rows;
  for (const auto& stage : run.stages) rows += stage_row(run, stage);
  return report_card(
      "Stages",
      fmt::format("<div class=\"scroll\"><table><tr><th>stage</th><th>steps</th><th>trained</th><th>bytes per "
                  "step</th><th>step</th>"
                  "<th>tokens/s</th><th>last loss</th><th>{}</th></tr>\n{}</table></div>",
                  escape_html(run.metric.empty() ? "metric" : run.metric), rows),
      "all");
}

/// Those that exist: the recipe may name others.
std::string exports_card(const RunData& run) {
  std::string rows;
  for (const auto& found : files::exports_in(run.dir))
    rows += fmt::format("<tr><td>{}</td><td>{}</td></tr>\n", escape_html(found.name), escape_html(found.format));
  if (rows.empty()) return "";
  return report_card("Exports", "<table><tr><th>directory</th><th>format</th></tr>\n" + rows + "</table>", "all");
}

std::string recipe_card(const RunData& run) {
  if (run.recipe.empty()) return "";
  return fmt::format(
      "<section class=\"card all\"><details><summary>Resolved "
      "recipe</summary><pre>{}</pre></details></section>\n",
      escape_html(run.recipe));
}

const char* purpose_text(const std::string& key) {
  static const std::map<std::string, const char*> texts = {
      {"dp.gradients", "gradients, summed over the data-parallel ranks"},
      {"dp.weights", "frozen weights, gathered layer by layer"},
      {"tp.forward", "activations, summed over the tensor-parallel ranks"},
      {"tp.backward", "gradients of activations, summed over the tensor-parallel ranks"},
      {"tp.gradients", "partial gradients, summed over the tensor-parallel ranks"}};
  const auto found = texts.find(key);
  return found == texts.end() ? "counters and norms" : found->second;
}

/// Units of a model that was pruned before the run: their numbers are known, not which they are. Empty if all are left.
std::string units_before(const std::string& kind, const std::vector<int64_t>& left, const std::vector<int64_t>& total) {
  if (left == total || left.size() != total.size()) return "";
  Shapes shapes;
  for (size_t i = 0; i < left.size(); ++i)
    shapes[static_cast<int64_t>(i)] = {total[i],
                                       std::vector<int64_t>(static_cast<size_t>(std::max<int64_t>(0, left[i])))};
  const auto [kept, all] = units(shapes);
  return report_card(fmt::format("{}: {} of {} left before this run", kind, kept, all), at_both_widths([&](int width) {
                       return draw_units(shapes, kind + " left in each layer", width);
                     }));
}

/// The bytes of a step by purpose: one row per purpose, one column per stage. Empty if no line contains them.
std::string purposes_table(const RunData& run) {
  std::map<std::string, std::vector<std::string>> cells;
  std::string head;
  for (const auto& stage : run.stages)
    for (const auto& [key, bytes] : stage.comm) cells[key];
  for (const auto& stage : run.stages) {
    if (stage.comm.empty()) continue;
    head += "<th>" + escape_html(stage.name) + "</th>";
    for (auto& [key, row] : cells) {
      const auto found = stage.comm.find(key);
      row.push_back(found == stage.comm.end() ? "–" : files::format_bytes(found->second));
    }
  }
  if (cells.empty()) return "";
  std::string rows;
  for (const auto& [key, row] : cells) {
    rows += fmt::format("<tr><td>{} <span class=\"soft\">{}</span></td>", escape_html(key), purpose_text(key));
    for (const auto& cell_text : row) rows += "<td>" + cell_text + "</td>";
    rows += "</tr>\n";
  }
  return "<div class=\"scroll\"><table><tr><th>axis and purpose</th>" + head + "</tr>\n" + rows + "</table></div>";
}

}  // namespace

std::string report_structure(const RunData& run) {
  std::string out;
  if (run.heads.empty() && run.start)
    out += units_before("Attention heads", run.start->heads_left, run.start->heads_total);
  if (run.neurons.empty() && run.start) out += units_before("FFN neurons", run.start->ffn_left, run.start->ffn_total);
  if (!run.heads.empty()) {
    const auto [kept, total] = units(run.heads);
    const std::string legend =
        "<div class=\"legend\"><span class=\"key\"><i style=\"background:var(--kept)\"></i>kept</span>"
        "<span class=\"key\"><i style=\"border:1px dashed var(--gone)\"></i>removed</span></div>";
    out += report_card(fmt::format("Attention heads: {} of {} left", kept, total),
                       legend + at_both_widths([&](int width) { return draw_heads(run.heads, width); }));
  }
  if (!run.neurons.empty()) {
    const auto [kept, total] = units(run.neurons);
    out += report_card(fmt::format("FFN neurons: {} of {} left", kept, total), at_both_widths([&](int width) {
                         return draw_units(run.neurons, "FFN neurons left in each layer", width);
                       }));
  }
  return out;
}

std::string report_communication(const RunData& run) {
  std::vector<Bar> bars;
  int64_t full = 0;
  for (const auto& stage : run.stages) full = std::max(full, stage.record.full_comm_bytes_per_step.value_or(0));
  if (full <= 0) return "";
  const auto whole = static_cast<double>(full);
  int64_t longest = full;  // with parallel.shard_frozen, a stage can send more than full fine-tuning
  for (const auto& stage : run.stages) longest = std::max(longest, stage.record.comm_bytes_per_step.value_or(0));
  for (const auto& stage : run.stages) {
    const auto& bytes = stage.record.comm_bytes_per_step;
    if (!bytes || !stage.record.full_comm_bytes_per_step) continue;
    const auto value = static_cast<double>(*bytes);
    bars.push_back({stage.name,
                    fmt::format("{} ({})", files::format_bytes(static_cast<uint64_t>(*bytes)), percent(value / whole)),
                    value, static_cast<double>(longest)});
  }
  bars.push_back({"full fine-tuning", files::format_bytes(static_cast<uint64_t>(full)), whole,
                  static_cast<double>(longest), true});
  const auto drawn =
      at_both_widths([&](int width) { return draw_bars(bars, "bytes per step, by stage", width); }, kWholeCard);
  return report_card("Bytes each rank passes to collectives per step", drawn + purposes_table(run), "all");
}

std::string report_details(const RunData& run) { return stages_card(run) + exports_card(run) + recipe_card(run); }

}  // namespace filigree::train
