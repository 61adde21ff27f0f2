// The HTML report: what it says about runs of all kinds, and that it is one well-formed, self-contained page.
#include "core/report/report.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <regex>
#include <set>
#include <tuple>

#include "core/error.h"
#include "core/files/ownership.h"
#include "core/report/report_data.h"
#include "core/report/report_svg.h"
#include "tests/core/checkpoint/store_support.h"
#include "tests/core/checkpoint/temp_dir.h"
#include "tests/core/report/report_sample.h"

namespace filigree::train {
namespace {

namespace fs = std::filesystem;
using namespace filigree::test;

size_t count(const std::string& text, const std::string& part) {
  size_t number = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++number;
  return number;
}

/// Names every tag that is not closed in its order; nothing for a well-formed page.
std::string tag_fault(const std::string& html) {
  const std::regex tag("<(/?)([a-z0-9]+)((?:\"[^\"]*\"|[^\">])*?)(/?)>");
  std::vector<std::string> open;
  for (std::sregex_iterator it(html.begin(), html.end(), tag), end; it != end; ++it) {
    const std::string name = (*it)[2];
    if (name == "meta" || name == "br" || (*it)[4].length() > 0) continue;
    if ((*it)[1].length() == 0) {
      open.push_back(name);
    } else {
      if (open.empty() || open.back() != name)
        return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
      open.pop_back();
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

/// The report of a run, which must be a page without broken parts.
std::string page_of(const std::string& dir) {
  fs::remove(dir + "/report.html");
  const std::string path = write_report(dir);
  EXPECT_EQ(path, dir + "/report.html");
  const std::string html = slurp(path);
  EXPECT_EQ(tag_fault(html), "");
  for (const char* fetched : {"http:", "https:", "src=", "<link", "@import", "url(", "<script"})
    EXPECT_EQ(html.find(fetched), std::string::npos) << fetched;
  for (const char* broken : {"nan", "inf\"", "-inf"})
    EXPECT_EQ(html.find(std::string("=\"") + broken), std::string::npos) << broken;
  const std::regex word("[^a-zA-Z](nan|inf)[^a-z]");
  EXPECT_FALSE(std::regex_search(html, word)) << "a drawing or a figure has a number that is not finite";
  return html;
}

std::string make_report(const std::string& dir, const SampleRun& sample = {}) {
  write_sample_run(dir, sample);
  return page_of(dir);
}

TEST(Report, AFinishedRunShowsItsFigures) {
  const std::string dir = FILIGREE_BINARY_DIR "/train_reference/report";
  fs::remove_all(dir);
  const std::string html = make_report(dir);
  const auto run = read_run(dir);
  EXPECT_EQ(run.metric, "accuracy");
  ASSERT_TRUE(run.adapted() && run.just_pruned() && run.recovered());
  for (const auto* eval : {run.adapted(), run.just_pruned(), run.recovered()})
    EXPECT_NE(html.find(fmt::format("<div class=\"figure\">{:.3f}</div>", *eval->value("accuracy"))),
              std::string::npos);
  EXPECT_EQ(run.adapted()->stage, "adapt");
  EXPECT_EQ(run.just_pruned()->stage, "prune");
  EXPECT_EQ(run.recovered()->stage, "recover");
  EXPECT_EQ(run.recovered()->step, 1875);
  for (const char* said :
       {"1.6 MB", "1.8% of full fine-tuning&#39;s 91.6 MB", "413k", "65%", "17.8M", "finished", "54 of 72 left",
        "tp.forward", "4.1 KB", "5532 of 9216 left", "922 of 1536 (60%)", "<td>recover</td><td>625</td>"})
    EXPECT_NE(html.find(said), std::string::npos) << said;
  // Drawn twice, for wide and narrow screens: 6 layers of 12 heads of which 3 are gone.
  EXPECT_EQ(count(html, ": removed</title>"), 2u * 6 * 3);
  EXPECT_EQ(count(html, ": kept</title>"), 2u * 6 * 9);
}

TEST(Report, ShowsTheMetricThatTheRunIsJudgedBy) {
  const TempDir run;
  spit(run / "metrics.jsonl",
       "{\"kind\":\"eval\",\"stage\":\"all\",\"step\":1,\"split\":\"dev\",\"metric\":\"macro_f1\",\"accuracy\":0.9,"
       "\"macro_f1\":0.4321}\n");
  EXPECT_EQ(read_run(run.path()).metric, "macro_f1");
  const std::string html = slurp(write_report(run.path()));
  EXPECT_NE(html.find("macro_f1 on dev"), std::string::npos);
  EXPECT_NE(html.find("<div class=\"figure\">0.432</div>"), std::string::npos);
}

TEST(Report, AnyMetricIsShownAlsoIfItIsExactlyZeroOrOne) {
  for (const char* value : {"0", "1", "0.0", "1.0"}) {
    const TempDir run;
    spit(run / "metrics.jsonl",
         fmt::format("{{\"kind\":\"eval\",\"stage\":\"all\",\"step\":1,\"split\":\"dev\",\"metric\":\"new_metric\","
                     "\"new_metric\":{},\"samples\":7}}\n",
                     value));
    const auto read = read_run(run.path());
    EXPECT_EQ(read.metric, "new_metric");
    EXPECT_FALSE(read.evals.front().value("samples"));
    const std::string html = slurp(write_report(run.path()));
    EXPECT_NE(html.find(fmt::format("<div class=\"figure\">{:.3f}</div>", std::stod(value))), std::string::npos);
  }
}

TEST(Report, TextFromFilesIsEscaped) {
  const TempDir run;
  SampleRun sample;
  sample.name = "<script>alert(1)</script>&\"'";
  const std::string html = make_report(run.path(), sample);
  EXPECT_NE(html.find("&lt;script&gt;alert(1)&lt;/script&gt;&amp;"), std::string::npos);
  EXPECT_NE(html.find("# &lt;not&gt; &amp; markup"), std::string::npos);
}

TEST(Report, StageNamesAreEscaped) {
  const TempDir run;
  spit(run / "metrics.jsonl",
       "{\"kind\":\"train\",\"stage\":\"<b>&\",\"step\":1,\"loss\":1}\n"
       "{\"kind\":\"eval\",\"stage\":\"<b>&\",\"step\":1,\"split\":\"<i>\",\"accuracy\":0.5}\n");
  const std::string html = slurp(write_report(run.path()));
  EXPECT_EQ(html.find("<b>"), std::string::npos);
  EXPECT_EQ(html.find("<i>"), std::string::npos);
  EXPECT_NE(html.find("&lt;b&gt;&amp;"), std::string::npos);
  EXPECT_EQ(tag_fault(html), "");
}

TEST(Report, UnfinishedRunsAndRunsWithoutAPrune) {
  for (const int64_t stop : {1, 9, 10, 300, 1250, 1251, 1500}) {
    const TempDir run;
    SampleRun sample;
    sample.stop_at = stop;
    const std::string html = make_report(run.path(), sample);
    EXPECT_NE(
        html.find(stop < 10 ? "unfinished: no recorded step" : fmt::format("unfinished: step {}", stop / 10 * 10)),
        std::string::npos)
        << stop;
  }
  const TempDir run;
  SampleRun sample;
  sample.prune = false;
  const std::string html = make_report(run.path(), sample);
  EXPECT_EQ(html.find("just pruned"), std::string::npos);
  EXPECT_EQ(html.find("Attention heads"), std::string::npos);
  EXPECT_NE(html.find("at the end"), std::string::npos);
}

TEST(Report, OneRankHasNothingToExchange) {
  const TempDir run;
  SampleRun sample;
  sample.ranks = 1;
  const std::string html = make_report(run.path(), sample);
  EXPECT_NE(html.find("the run has one rank"), std::string::npos);
  EXPECT_EQ(html.find("Bytes each rank"), std::string::npos);
}

TEST(Report, BrokenLinesArePassedOver) {
  const TempDir run;
  write_sample_run(run.path());
  const std::string junk =
      "\n[]\n{}\nnull\n{\"kind\":\"train\"}\n{\"kind\":\"train\",\"stage\":\"adapt\",\"step\":1e300,\"loss\":null}\n"
      "{\"kind\":7,\"stage\":\"adapt\",\"step\":\"x\"}\n{\"kind\":\"prune\",\"stage\":\"prune\",\"heads_left\":{}}\n{"
      "\"kind\":\"tra";
  spit(run / "metrics.jsonl", slurp(run / "metrics.jsonl") + junk);
  spit(run / "plans/other.json",
       "{\"groups\":[1,{\"kind\":\"head\",\"layer\":\"x\"},{\"kind\":\"head\",\"layer\":0}]}");
  spit(run / "plans/half.json", "{\"groups\":[");
  EXPECT_EQ(tag_fault(slurp(write_report(run.path()))), "");
  EXPECT_EQ(read_run(run.path()).last_step, 1875);
}

// What stands for a number that is not finite: filigree writes null, Python NaN and Infinity.
const char* const kNotFinite[] = {"null", "NaN", "Infinity", "-Infinity", "1e308", "-1.7e308"};

std::string train_line(int step, const std::string& loss) {
  return fmt::format("{{\"kind\":\"train\",\"stage\":\"all\",\"step\":{},\"loss\":{},\"lr\":1e-3}}\n", step, loss);
}

std::string eval_line(int step, const std::string& value) {
  return fmt::format(
      "{{\"kind\":\"eval\",\"stage\":\"all\",\"step\":{},\"split\":\"dev\",\"metric\":\"f1\",\"f1\":{},\"loss\":2}}\n",
      step, value);
}

TEST(Report, LossesThatAreNotFiniteAreCountedAndNotDrawn) {
  for (const std::string odd : kNotFinite) {
    for (const std::vector<std::string>& losses :
         {std::vector<std::string>{odd, "2", "1"}, {"2", odd, "1"}, {"2", "1", odd}, {odd, odd, "1"}}) {
      SCOPED_TRACE(fmt::format("{}", fmt::join(losses, " ")));
      const TempDir run;
      std::string lines;
      for (size_t i = 0; i < losses.size(); ++i) lines += train_line(static_cast<int>(i) + 1, losses[i]);
      spit(run / "metrics.jsonl", lines);
      const std::string html = page_of(run.path());
      const auto number = std::count(losses.begin(), losses.end(), odd);
      EXPECT_NE(
          html.find(fmt::format("The loss was not finite, or beyond 1e+100, at {} of 3 logged steps: step ", number)),
          std::string::npos);
      EXPECT_NE(html.find("aria-label=\"training loss by step\""), std::string::npos);
    }
    const TempDir run;
    spit(run / "metrics.jsonl", train_line(1, odd));
    EXPECT_NE(page_of(run.path()).find("at 1 of 1 logged step: step 1."), std::string::npos) << odd;
    spit(run / "metrics.jsonl", train_line(1, odd) + train_line(2, odd));
    const std::string html = page_of(run.path());
    EXPECT_NE(html.find("at 2 of 2 logged steps: step 1, 2."), std::string::npos) << odd;
    EXPECT_EQ(html.find("training loss by step"), std::string::npos) << "there is nothing to draw";
  }
}

/// What a run writes that ends because a step's loss or gradient norm is not finite.
TEST(Report, AStepThatWasNotMadeIsNamedAndIsNotADoneStep) {
  const TempDir run;
  const std::string failed = R"({"kind":"train","stage":"all","step":3,"stage_step":3,)";
  const std::string done = train_line(1, "2") + train_line(2, "1");
  spit(run / "metrics.jsonl", done + failed + "\"loss\":null,\"comm\":{},\"not_finite\":\"loss\"}\n");
  std::string html = page_of(run.path());
  EXPECT_NE(html.find("The loss was not finite, or beyond 1e+100, at 1 of 3 logged steps: step 3."), std::string::npos);
  EXPECT_EQ(html.find("The gradient norm"), std::string::npos);
  EXPECT_EQ(read_run(run.path()).last_step, 2);
  spit(run / "metrics.jsonl",
       done + failed + "\"loss\":1.5,\"grad_norm\":null,\"comm\":{},\"not_finite\":\"grad_norm\"}\n");
  html = page_of(run.path());
  EXPECT_NE(html.find("The gradient norm was not finite, or beyond 1e+100, at 1 of 3 logged steps: step 3."),
            std::string::npos);
  EXPECT_EQ(html.find("The loss was"), std::string::npos);
}

TEST(Report, MetricsThatAreNotFiniteAreCountedAndNotDrawn) {
  for (const std::string odd : kNotFinite) {
    SCOPED_TRACE(odd);
    const TempDir run;
    for (const auto& [first, last] : {std::pair<std::string, std::string>{odd, "0.5"}, {"0.5", odd}}) {
      spit(run / "metrics.jsonl", train_line(1, "2") + eval_line(1, first) + eval_line(2, last));
      const std::string html = page_of(run.path());
      EXPECT_NE(html.find("The metric f1 was not finite, or beyond 1e+100, at 1 of 2 evaluations: step "),
                std::string::npos);
      EXPECT_NE(
          html.find(last == "0.5" ? "<div class=\"figure\">0.500</div>" : "<div class=\"figure\">not finite</div>"),
          std::string::npos);
    }
    spit(run / "metrics.jsonl", eval_line(1, odd));
    EXPECT_NE(page_of(run.path()).find("at 1 of 1 evaluation: step 1."), std::string::npos);
    EXPECT_EQ(read_run(run.path()).metric, "f1");
  }
}

TEST(Report, AFiniteRunHasNoWordOnNumbersThatAreNot) {
  const TempDir run;
  EXPECT_EQ(make_report(run.path()).find("not finite"), std::string::npos);
}

bool says(const std::string& html, const std::string& words) { return html.find(words) != std::string::npos; }

std::string stage_line(const std::string& stage, int64_t total) {
  return fmt::format("{{\"kind\":\"stage\",\"stage\":\"{}\",\"steps\":9,\"trainable\":10,\"total\":{}}}\n", stage,
                     total);
}

/// A run that prunes nothing, of a model that was pruned before.
TEST(Report, ShowsAModelThatWasPrunedBeforeTheRun) {
  const TempDir run;
  const std::string start =
      R"({"kind":"model","stage":"all","step":0,"at":"start","heads_left":[9,8],"heads_total":[12,12],)"
      R"("ffn_left":[900,901],"ffn_total":[1536,1536],"sparsity":0.25,"flops_ratio":0.625})"
      "\n";
  spit(run / "metrics.jsonl", start + stage_line("all", 1000) + train_line(1, "2") + eval_line(1, "0.5"));
  std::string html = page_of(run.path());
  EXPECT_FALSE(says(html, "nothing was pruned"));
  for (const char* words :
       {"62%</div><p>of the unpruned model&#39;s FLOPs in a forward pass (pruned before this run)",
        "25%</div><p>of the encoder&#39;s base weights are zero; the merge of an update fills zeros (pruned before",
        "Attention heads: 17 of 24 left before this run", "FFN neurons: 1801 of 3072 left before this run"})
    EXPECT_TRUE(says(html, words)) << words;
  EXPECT_EQ(read_run(run.path()).stages.size(), 1u);
  // Zeros alone: there is no figure of FLOPs, which are those of the full model.
  spit(run / "metrics.jsonl",
       R"({"kind":"model","stage":"all","step":0,"at":"start","heads_left":[12],"heads_total":[12],"sparsity":0.5,)"
       R"("flops_ratio":1.0})"
       "\n" +
           stage_line("all", 1000));
  html = page_of(run.path());
  EXPECT_TRUE(says(html, "50%</div><p>of the encoder&#39;s base weights"));
  EXPECT_FALSE(says(html, "FLOPs"));
  EXPECT_FALSE(says(html, "Attention heads"));
}

/// Half of the base weights are zero, and the merge of the updates fills most of these zeros.
TEST(Report, TheShareOfZerosIsThatOfTheMergedModel) {
  const TempDir run;
  const auto prune_line = [](const std::string& more) {
    return R"({"kind":"prune","stage":"prune","step":2,"heads_left":[12],"ffn_left":[1536],"sparsity":0.5,)" + more +
           "\"flops_ratio\":1.0}\n";
  };
  const std::string begin = stage_line("all", 1000) + train_line(1, "2");
  spit(run / "metrics.jsonl", begin + prune_line("\"merged_sparsity\":0.125,"));
  EXPECT_TRUE(says(page_of(run.path()),
                   "12%</div><p>of the encoder&#39;s weights are zero when the updates are merged, 50% "
                   "of the base weights"));
  spit(run / "metrics.jsonl", begin + prune_line(""));
  EXPECT_TRUE(says(page_of(run.path()),
                   "50%</div><p>of the encoder&#39;s base weights are zero; the merge of an update fills zeros"));
  const std::string end = R"({"kind":"model","stage":"more","step":9,"at":"end","sparsity":0.5,)";
  spit(run / "metrics.jsonl", begin + prune_line("") + end + "\"flops_ratio\":1.0}\n");
  EXPECT_TRUE(says(page_of(run.path()), "50%</div><p>of the encoder&#39;s weights are zero</p>"));
  spit(run / "metrics.jsonl", begin + prune_line("") + end + "\"merged_sparsity\":0.25,\"flops_ratio\":1.0}\n");
  EXPECT_TRUE(
      says(page_of(run.path()), "25%</div><p>of the encoder&#39;s weights are zero when the updates are merged"));
}

TEST(Report, MoreParametersAreNotANegativeReduction) {
  const TempDir run;
  spit(run / "metrics.jsonl", stage_line("all", 1000) + train_line(1, "2") + stage_line("more", 1004));
  EXPECT_TRUE(says(page_of(run.path()), "parameters in total, including updates: 0.40% more than the 1.0k at first"));
}

/// The last evaluation after a prune is a recovery only if it is better than the one right after the prune.
TEST(Report, WhatIsNotBetterIsNotRecovered) {
  for (const auto& [metric, last, recovered] : {std::tuple{"f1", 0.6, true},
                                                {"f1", 0.5, false},
                                                {"f1", 0.4, false},
                                                {"loss", 0.4, true},
                                                {"loss", 0.6, false}}) {
    SCOPED_TRACE(fmt::format("{} {}", metric, last));
    const TempDir run;
    const auto eval = [&, name = std::string(metric)](int step, double value) {
      return fmt::format(R"({{"kind":"eval","stage":"all","step":{},"split":"dev","metric":"{}","{}":{}}})"
                         "\n",
                         step, name, name, value);
    };
    spit(run / "metrics.jsonl",
         eval(1, 0.7) + "{\"kind\":\"prune\",\"stage\":\"p\",\"step\":2}\n" + eval(2, 0.5) + eval(3, last));
    std::string html = page_of(run.path());
    EXPECT_EQ(says(html, "<p>recovered, so far</p>"), recovered);
    EXPECT_EQ(says(html, "<p>so far</p>"), !recovered);
    fs::create_directories(run / "final");
    html = page_of(run.path());
    EXPECT_EQ(says(html, "<p>recovered, at the end</p>"), recovered);
    EXPECT_EQ(says(html, "<p>at the end</p>"), !recovered);
  }
}

/// Its metrics.jsonl is empty or missing; log.txt has the error.
TEST(Report, ARunWithoutAStepShowsItsError) {
  const TempDir run;
  spit(run / "log.txt",
       "2026-11-30 07:20:00 I bert from x\n2026-11-30 07:20:01 E ended with exit code 3: <d>.tsv:4: is bad\n");
  spit(run / "recipe.yaml", "name: mine\n");
  for (const bool has_metrics : {true, false}) {
    if (has_metrics)
      spit(run / "metrics.jsonl", "");
    else
      fs::remove(run / "metrics.jsonl");
    if (!has_metrics) files::write_marker(run.path(), files::DirectoryKind::run);
    const std::string html = page_of(run.path());
    EXPECT_TRUE(says(html, "unfinished: no recorded step"));
    EXPECT_TRUE(says(html, "log.txt: ended with exit code 3: &lt;d&gt;.tsv:4: is bad"));
    EXPECT_TRUE(says(html, "No evaluation yet."));
    EXPECT_TRUE(says(html, "name: mine"));
    for (const char* wrong : {"nothing was pruned", "<h2>Stages", "<div class=\"figure\">100%", "one rank"})
      EXPECT_FALSE(says(html, wrong)) << wrong;
  }
}

TEST(Report, AnErrorIsShownUntilTheRunGoesOn) {
  const TempDir run;
  spit(run / "metrics.jsonl", train_line(1, "2"));
  const std::string failed = "2026-11-30 07:20:01 E ended with exit code 3: the disk is full\n";
  spit(run / "log.txt", failed);
  EXPECT_TRUE(
      says(page_of(run.path()), "The last start of the run failed. log.txt: ended with exit code 3: the disk is"));
  spit(run / "log.txt", failed + "2026-11-30 07:20:02 I resuming\n");
  EXPECT_FALSE(says(page_of(run.path()), "failed"));
  spit(run / "log.txt", failed);
  fs::create_directories(run / "final");
  EXPECT_FALSE(says(page_of(run.path()), "failed")) << "the run is finished";
}

TEST(Report, ListsTheExportsThatExist) {
  const TempDir run;
  spit(run / "metrics.jsonl", train_line(1, "2"));
  spit(run / "recipe.yaml", "stages: [{export: {dir: not_there}}]\n");
  EXPECT_FALSE(says(page_of(run.path()), "<h2>Exports"));
  fs::create_directories(run / "there");
  files::write_marker(run / "there", files::DirectoryKind::model_export, {{"format", "hf_pruned"}});
  EXPECT_TRUE(says(page_of(run.path()), "<tr><td>there</td><td>hf_pruned</td></tr>"));
}

TEST(Report, WhatIsNoRunIsADataError) {
  const TempDir run;
  EXPECT_NE(message_of<DataError>([&] { write_report(run / "absent"); }).find("no such run"), std::string::npos);
  EXPECT_NE(message_of<DataError>([&] { write_report(run.path()); }).find("has no metrics.jsonl"), std::string::npos);
  spit(run / "metrics.jsonl", "");
  EXPECT_NE(message_of<DataError>([&] {
              write_report(run.path());
            }).find("has no lines: the run has not reached its first step"),
            std::string::npos);
  spit(run / "metrics.jsonl", "{\"kind\":\"tra\n\x01\x02\n[]\n");
  EXPECT_NE(message_of<DataError>([&] { write_report(run.path()); }).find("none of its 3 lines can be read"),
            std::string::npos);
}

TEST(ReportScale, TicksAreRoundAndWithinTheRange) {
  for (const auto& [low, high] :
       std::vector<std::pair<double, double>>{{0, 1}, {0.483, 0.771}, {-3, 5e6}, {1e-5, 2e-3}, {7, 7.001}}) {
    const auto values = ticks(low, high, 5);
    EXPECT_GE(values.size(), 2u);
    EXPECT_LE(values.size(), 9u);
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_GE(values[i], low - (high - low) * 1e-6);
      EXPECT_LE(values[i], high + (high - low) * 1e-6);
      if (i == 0) continue;
      EXPECT_NEAR(values[i] - values[i - 1], values[1] - values[0], (high - low) * 1e-9);
    }
  }
  EXPECT_EQ(ticks(3, 3, 5), std::vector<double>{3});
}

TEST(ReportScale, TickLabelsAreShortAndTellNeighborsApart) {
  const std::tuple<double, double, const char*> labels[] = {
      {0, 1, "0"},          {1e-17, 0.1, "0"},         {0.25, 0.05, "0.25"},       {-0.5, 0.5, "-0.5"},
      {500, 100, "500"},    {999.9999999999, 1, "1k"}, {1500, 500, "1.5k"},        {12.5, 2.5, "12.5"},
      {1e6, 5e5, "1M"},     {5e13, 1e13, "50T"},       {2.5e9, 5e8, "2.5G"},       {999e12, 1e12, "999T"},
      {1e15, 5e14, "1e15"}, {2.5e18, 5e17, "2.5e18"},  {2e99, 1e99, "2e99"},       {2.5e-4, 5e-5, "2.5e-4"},
      {1001, 1, "1.001k"},  {100000, 2.5, "100k"},     {100002.5, 2.5, "100.002k"}};
  for (const auto& [value, step, label] : labels) EXPECT_EQ(tick_label(value, step), label) << value;
  EXPECT_EQ(tick_label(2e-3, 1e-3, true), "2e-3");
  EXPECT_EQ(tick_label(1.5, 0.5, true), "1.5e0");
}

TEST(ReportScale, TicksOfAnyRangeHaveDifferentLabels) {
  for (const auto& [low, high] :
       {std::pair{0.0, 5e13}, {0.0, 3e20}, {1e6, 1.0004e6}, {-2e-5, 3e-5}, {0.9, 1.1}, {0.0, 7.0}}) {
    std::set<std::string> labels;
    const auto values = ticks(low, high, 5);
    for (const double value : values) {
      const std::string label = tick_label(value, values[1] - values[0]);
      EXPECT_TRUE(labels.insert(label).second) << label << " twice in " << low << " to " << high;
      EXPECT_EQ(label.find("e+"), std::string::npos) << label;
    }
  }
}

TEST(ReportScale, ThinningKeepsTheMeanAndSmoothingAConstant) {
  std::vector<Point> points;
  for (int i = 0; i < 1000; ++i) points.push_back({static_cast<double>(i), 2.0 * i});
  const auto thin = thin_out(points, 100);
  ASSERT_EQ(thin.size(), 100u);
  double sum = 0;
  for (const auto& point : thin) sum += point.y;
  EXPECT_NEAR(sum / 100, 999, 1e-9);
  for (const auto& point : smooth({{0, 5}, {1, 5}, {2, 5}}, 2)) EXPECT_DOUBLE_EQ(point.y, 5);
  const auto smoothed = smooth(points, 51);  // inside, a straight line stays as it is
  ASSERT_EQ(smoothed.size(), points.size());
  for (size_t i = 25; i < 975; ++i) EXPECT_NEAR(smoothed[i].y, points[i].y, 1e-9);
}

}  // namespace
}  // namespace filigree::train
