#include "core/train/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "core/checkpoint/disk.h"
#include "core/train/progress.h"
#include "core/train/report_data.h"
#include "core/train/report_style.h"
#include "core/train/report_svg.h"

namespace filigree::train {
namespace {

using checkpoint::format_bytes;

constexpr int kWide = 526, kNarrow = 330, kWhole = 1082;  // content widths of a half card, a phone, a whole card

/// The same drawing for both kinds of screens; the style sheet shows one of them.
std::string both(const std::function<std::string(int width)>& draw_at, int wide = kWide) {
  return "<div class=\"wide\">" + draw_at(wide) + "</div><div class=\"narrow\">" + draw_at(kNarrow) + "</div>\n";
}

std::string card(const std::string& title, const std::string& body, const char* extra = "") {
  return fmt::format("<section class=\"card {}\"><h2>{}</h2>\n{}</section>\n", extra, escape_html(title), body);
}

std::string percent(double share) {
  const double value = 100 * share;
  return fmt::format("{:.{}f}%", value, value < 1 ? 2 : value < 10 ? 1 : 0);
}

std::string line_key(const char* color, const std::string& text) {
  return fmt::format("<span class=\"key\"><i class=\"l\" style=\"background:var(--{})\"></i>{}</span>", color, escape_html(text));
}

std::vector<Band> stage_bands(const RunData& run) {
  std::vector<Band> bands;
  for (const auto& stage : run.stages)
    bands.push_back({stage.name, static_cast<double>(stage.first_step), static_cast<double>(stage.last_step)});
  return bands;
}

// ---- headline ----

std::string hero_figure(double value, const std::string& caption) {
  return fmt::format("<div><div class=\"figure\">{:.3f}</div><p>{}</p></div>", value, escape_html(caption));
}

std::string hero(const RunData& run) {
  std::string figures;
  const auto add = [&](const EvalRecord* eval, const std::string& caption) {
    if (eval && eval->value(run.metric)) figures += hero_figure(*eval->value(run.metric), caption);
  };
  const bool pruned = !run.prunes.empty();
  const auto* last = run.recovered();
  add(run.adapted(), pruned ? "adapted" : run.finished ? "at the end" : "so far");
  add(run.just_pruned(), "just pruned");
  add(last, last && run.finished ? "recovered" : "recovered so far");
  if (figures.empty()) return "<section class=\"card\"><p class=\"soft\">No evaluation yet.</p></section>\n";
  return fmt::format("<section class=\"card\"><p class=\"soft\" style=\"margin-bottom:6px\">{} on {}</p><div class=\"hero\">{}</div></section>\n",
                     escape_html(run.metric), escape_html(run.split), figures);
}

std::string tile(const std::string& figure, const std::string& caption) {
  return fmt::format("<div class=\"card tile\"><div class=\"figure\">{}</div><p>{}</p></div>\n", escape_html(figure), escape_html(caption));
}

const StageRecord* first_trained(const RunData& run) {
  for (const auto& stage : run.stages)
    if (stage.trainable) return &stage;
  return nullptr;
}

std::string communication_tile(const StageRecord& stage) {
  const auto own = stage.comm_bytes.value_or(0), full = stage.full_comm_bytes.value_or(0);
  if (own <= 0 || full <= 0) return tile("none", "bytes exchanged: the run has one rank");
  return tile(format_bytes(static_cast<uint64_t>(own)),
              fmt::format("exchanged a step, {} of full fine-tuning's {}", percent(static_cast<double>(own) / static_cast<double>(full)),
                          format_bytes(static_cast<uint64_t>(full))));
}

std::string size_tile(const RunData& run) {
  std::optional<int64_t> before, after;
  for (const auto& stage : run.stages) {
    if (!stage.total) continue;
    if (!before) before = stage.total;
    after = stage.total;
  }
  if (!before) return "";
  if (after == before) return tile(format_count(static_cast<double>(*before)), "parameters in all");
  return tile(format_count(static_cast<double>(*after)),
              fmt::format("parameters left of {}, {} fewer", format_count(static_cast<double>(*before)),
                          percent(1 - static_cast<double>(*after) / static_cast<double>(*before))));
}

std::string cost_tile(const RunData& run) {
  if (run.prunes.empty()) return tile("100%", "FLOPs of a forward pass: nothing was pruned");
  const auto& prune = run.prunes.back();
  if (prune.sparsity && run.heads.empty() && run.neurons.empty())
    return tile(percent(*prune.sparsity), "of the encoder's weights are zero");
  return tile(percent(prune.flops_ratio.value_or(1)), "of the unpruned model's FLOPs in a forward pass");
}

std::string tiles(const RunData& run) {
  std::string out;
  if (const auto* stage = first_trained(run)) {
    out += communication_tile(*stage);
    const double share = stage->total ? static_cast<double>(*stage->trainable) / static_cast<double>(*stage->total) : 0;
    out += tile(format_count(static_cast<double>(*stage->trainable)), fmt::format("parameters trained in {}, {} of all", stage->name, percent(share)));
  }
  return "<div class=\"tiles\">" + out + cost_tile(run) + size_tile(run) + "</div>\n";
}

std::string heading(const RunData& run) {
  const std::string state = run.finished ? "finished" : fmt::format("unfinished: step {}", run.last_step);
  return fmt::format("<header><h1>{}</h1><span class=\"state{}\">{}</span></header>\n", escape_html(run.name), run.finished ? " done" : "", state);
}

// ---- curves ----

std::vector<Point> curve(const RunData& run, std::optional<double> TrainRecord::*value) {
  std::vector<Point> points;
  for (const auto& record : run.train)
    if (record.*value) points.push_back({static_cast<double>(record.step), *(record.*value)});
  return points;
}

std::string loss_card(const RunData& run) {
  const auto points = curve(run, &TrainRecord::loss);
  if (points.empty()) return "";
  // Each stage has a mean of its own: what a prune breaks must not be smoothed away.
  std::vector<Series> series{{"faint", thin_out(points, 400)}};
  for (const auto& stage : run.stages) {
    std::vector<Point> own;
    for (const auto& record : run.train)
      if (record.stage == stage.name && record.loss) own.push_back({static_cast<double>(record.step), *record.loss});
    if (!own.empty()) series.push_back({"a", thin_out(smooth(own, std::max(4.0, static_cast<double>(points.size()) / 25)), 300)});
  }
  const std::string legend = "<div class=\"legend\">" + line_key("faint", "logged steps") + line_key("a", "moving average") + "</div>";
  return card("Training loss", legend + both([&](int width) {
    return draw({"training loss by step", series, stage_bands(run), {}, width, 250});
  }));
}

std::string rate_card(const RunData& run) {
  const auto points = curve(run, &TrainRecord::lr);
  if (points.empty()) return "";
  return card("Learning rate", both([&](int width) {
    return draw({"learning rate by step", {{"c", thin_out(points, 400)}}, stage_bands(run), {}, width, 180, true, true});
  }));
}

std::string speed_card(const RunData& run) {
  const auto points = curve(run, &TrainRecord::tokens_per_s);
  if (points.empty()) return "";
  return card("Tokens per second", both([&](int width) {
    return draw({"tokens per second by step", {{"b", thin_out(smooth(points, 5), 400)}}, stage_bands(run), {}, width, 180, true});
  }));
}

std::vector<std::string> splits_of(const RunData& run) {
  std::vector<std::string> splits;
  for (const auto& eval : run.evals)
    if (std::find(splits.begin(), splits.end(), eval.split) == splits.end()) splits.push_back(eval.split);
  return splits;
}

std::string eval_card(const RunData& run) {
  if (run.metric.empty()) return "";
  constexpr std::array<const char*, 3> colors{"a", "b", "c"};
  std::vector<Series> series;
  std::string legend;
  for (const auto& split : splits_of(run)) {
    const char* color = colors[series.size() % colors.size()];
    Series one{color, {}, true, split + " " + run.metric};
    for (const auto& eval : run.evals)
      if (eval.split == split && eval.value(run.metric)) one.points.push_back({static_cast<double>(eval.step), *eval.value(run.metric)});
    legend += line_key(color, split);
    series.push_back(std::move(one));
  }
  std::vector<Note> notes;
  for (const auto* eval : {run.adapted(), run.just_pruned(), run.recovered()})
    if (eval && eval->value(run.metric))
      notes.push_back({{static_cast<double>(eval->step), *eval->value(run.metric)}, fmt::format("{:.3f}", *eval->value(run.metric))});
  return card("Evaluation: " + run.metric, "<div class=\"legend\">" + legend + "</div>" + both([&](int width) {
    return draw({run.metric + " by step", series, stage_bands(run), notes, width, 250});
  }));
}

// ---- structure, communication, stages, recipe ----

std::pair<size_t, int64_t> units(const Shapes& shapes) {
  size_t kept = 0;
  int64_t total = 0;
  for (const auto& [layer, shape] : shapes) kept += shape.kept.size(), total += shape.total;
  return {kept, total};
}

std::string structure_cards(const RunData& run) {
  std::string out;
  if (!run.heads.empty()) {
    const auto [kept, total] = units(run.heads);
    const std::string legend = "<div class=\"legend\"><span class=\"key\"><i style=\"background:var(--kept)\"></i>kept</span>"
                               "<span class=\"key\"><i style=\"border:1px dashed var(--gone)\"></i>removed</span></div>";
    out += card(fmt::format("Attention heads: {} of {} left", kept, total), legend + both([&](int width) { return draw_heads(run.heads, width); }));
  }
  if (!run.neurons.empty()) {
    const auto [kept, total] = units(run.neurons);
    out += card(fmt::format("FFN neurons: {} of {} left", kept, total), both([&](int width) { return draw_neurons(run.neurons, width); }));
  }
  return out;
}

std::string communication_card(const RunData& run) {
  std::vector<Bar> bars;
  int64_t full = 0;
  for (const auto& stage : run.stages) full = std::max(full, stage.full_comm_bytes.value_or(0));
  if (full <= 0) return "";
  const auto whole = static_cast<double>(full);
  for (const auto& stage : run.stages) {
    if (!stage.comm_bytes || !stage.full_comm_bytes) continue;
    const auto value = static_cast<double>(*stage.comm_bytes);
    bars.push_back({stage.name, fmt::format("{} ({})", format_bytes(static_cast<uint64_t>(*stage.comm_bytes)), percent(value / whole)), value, whole});
  }
  bars.push_back({"full fine-tuning", format_bytes(static_cast<uint64_t>(full)), whole, whole, true});
  return card("Bytes each rank hands to the network in a step", both([&](int width) {
    return draw_bars(bars, "bytes per step, by stage", width);
  }, kWhole), "all");
}

std::optional<double> median(const RunData& run, const std::string& stage, std::optional<double> TrainRecord::*value) {
  std::vector<double> values;
  for (const auto& record : run.train)
    if (record.stage == stage && record.*value) values.push_back(*(record.*value));
  if (values.empty()) return std::nullopt;
  std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

std::optional<double> last_metric(const RunData& run, const std::string& stage) {
  std::optional<double> value;
  for (const auto& eval : run.evals)
    if (eval.stage == stage && eval.split == run.split && eval.value(run.metric)) value = eval.value(run.metric);
  return value;
}

template <class Value, class Format>
std::string cell(const std::optional<Value>& value, const Format& format) {
  return "<td>" + (value ? escape_html(format(*value)) : std::string("–")) + "</td>";
}

std::string stage_row(const RunData& run, const StageRecord& stage) {
  const auto count = [](double value) { return format_count(value); };
  const auto last_loss = [&]() -> std::optional<double> {
    for (auto it = run.train.rbegin(); it != run.train.rend(); ++it)
      if (it->stage == stage.name) return it->loss;
    return std::nullopt;
  }();
  const int64_t done = stage.last_step - stage.first_step;
  std::string row = "<tr><td>" + escape_html(stage.name) + "</td>";
  row += cell(stage.steps, [&](int64_t steps) { return done < steps ? fmt::format("{} of {}", done, steps) : fmt::format("{}", steps); });
  row += cell(stage.trainable, [&](int64_t number) { return format_count(static_cast<double>(number)); });
  row += cell(stage.comm_bytes, [](int64_t bytes) { return format_bytes(static_cast<uint64_t>(bytes)); });
  row += cell(median(run, stage.name, &TrainRecord::step_ms), [](double ms) { return fmt::format("{:.0f} ms", ms); });
  row += cell(median(run, stage.name, &TrainRecord::tokens_per_s), count);
  row += cell(last_loss, [](double value) { return fmt::format("{:.3f}", value); });
  return row + cell(last_metric(run, stage.name), [](double value) { return fmt::format("{:.4f}", value); }) + "</tr>\n";
}

std::string stages_card(const RunData& run) {
  std::string rows;
  for (const auto& stage : run.stages) rows += stage_row(run, stage);
  return card("Stages", fmt::format("<div class=\"scroll\"><table><tr><th>stage</th><th>steps</th><th>trained</th><th>bytes a step</th><th>step</th>"
                                    "<th>tokens/s</th><th>last loss</th><th>{}</th></tr>\n{}</table></div>",
                                    escape_html(run.metric.empty() ? "metric" : run.metric), rows), "all");
}

std::string recipe_card(const RunData& run) {
  if (run.recipe.empty()) return "";
  return fmt::format("<section class=\"card all\"><details><summary>Recipe, as it was resolved</summary><pre>{}</pre></details></section>\n",
                     escape_html(run.recipe));
}

std::string page(const RunData& run) {
  return fmt::format("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                     "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{} – filigree</title><style>{}</style></head>\n"
                     "<body><main>\n{}{}{}<div class=\"grid\">\n{}</div>\n<footer>Made by filigree report from {}.</footer></main></body></html>\n",
                     escape_html(run.name), kReportStyle, heading(run), hero(run), tiles(run),
                     eval_card(run) + loss_card(run) + structure_cards(run) + communication_card(run) + rate_card(run) + speed_card(run) +
                         stages_card(run) + recipe_card(run),
                     escape_html(run.dir + "/metrics.jsonl"));
}

}  // namespace

std::string write_report(const std::string& run_dir) {
  const std::string path = run_dir + "/report.html";
  checkpoint::replace_file(path, page(read_run(run_dir)));
  return path;
}

}  // namespace filigree::train
