// The files of a bench: CSV, Markdown and the drawing.
#include "core/bench/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "core/bench/plot.h"
#include "core/error.h"

namespace filigree::bench {
namespace {

RunResult run_of(const std::string& method, int64_t seed, double value) {
  RunResult run;
  run.method = method;
  run.seed = seed;
  run.metric = "accuracy";
  run.split = "dev";
  run.value = value;
  run.trainable = 66;
  run.total = 10000;
  run.sparsity = 0.5;
  run.flops_share = 1;
  run.bytes_per_step = 596024;
  run.bytes_share = 0.0066;
  run.step_ms = 12.34;
  run.seconds = 61.6;
  run.peak_memory_bytes = 1'500'000'000;
  return run;
}

RunResult failure_of(const std::string& method, int64_t seed, const std::string& error) {
  RunResult run;
  run.method = method;
  run.seed = seed;
  run.error = error;
  return run;
}

std::vector<RunResult> sample() {
  return {run_of("dsee", 1, 0.81), run_of("dsee", 2, 0.84), run_of("dsee", 3, 0.9), run_of("lift", 1, 0.8),
          failure_of("lift", 2, "exit code 3: a, \"b\"\nc|d")};
}

TEST(Table, RunsAreARowEach) {
  const std::string csv = runs_csv(sample());
  const auto rows = csv_rows(csv, "runs.csv");
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(rows[0], columns());
  EXPECT_EQ(std::ranges::count(csv, '\n'), 6) << "a row is a line, also with an error of several";
  EXPECT_EQ(rows[1][0], "dsee");
  EXPECT_EQ(rows[5].back(), "exit code 3: a, \"b\" c|d");
  const auto value = std::ranges::find(rows[0], "value") - rows[0].begin();
  EXPECT_EQ(rows[3][static_cast<size_t>(value)], "0.9");
  EXPECT_EQ(rows[5][static_cast<size_t>(value)], "");
}

TEST(Table, SummaryHasMeanAndDeviation) {
  const auto rows = csv_rows(summary_csv(summarize(sample())), "bench.csv");
  ASSERT_EQ(rows.size(), 3u);
  for (const auto& row : rows) EXPECT_EQ(row.size(), rows[0].size());
  EXPECT_EQ(rows[0][6], "mean");
  EXPECT_NEAR(std::stod(rows[1][6]), 0.85, 1e-12);
  EXPECT_NEAR(std::stod(rows[1][7]), 0.0458257569, 1e-9);
  EXPECT_EQ(rows[2][5], "1") << "failed";
  EXPECT_EQ(rows[2][7], "") << "one run has no deviation";
}

TEST(Table, MarkdownIsARowPerMethod) {
  const std::string text = summary_markdown({"demo", 2, "bench.svg"}, summarize(sample()), sample());
  EXPECT_NE(text.find("# demo\n\nSeeds 1, 2, 3 (not every method has each), 2 ranks. The metric"), std::string::npos)
      << text;
  EXPECT_NE(text.find("| method | accuracy on dev | runs |"), std::string::npos) << text;
  EXPECT_NE(text.find("| dsee | 0.8500 ± 0.0458 | 3 | 0.66% | 50% | 100% | 596.0 KB | 0.66% | 1.5 GB | 12.3 | 62 |\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("| lift | 0.8000 | 1, 1 failed |"), std::string::npos) << text;
  EXPECT_NE(text.find("| lift | 2 | exit code 3: a, \"b\" c\\|d |\n"), std::string::npos) << text;
  EXPECT_NE(text.find("(bench.svg)"), std::string::npos);
}

TEST(Table, AnotherMetricIsNamedInItsCell) {
  auto results = sample();
  results.push_back(run_of("cola", 1, 0.5));
  results.back().metric = "mcc";
  results.back().external = true;
  results.back().sparsity = 0;
  const std::string text = summary_markdown({"demo", 1, "bench.svg"}, summarize(results), results);
  EXPECT_NE(text.find("| cola (external) | 0.5000 mcc on dev | 1 | 0.66% | 0% | 100% |"), std::string::npos) << text;
}

TEST(Table, NamesTheSeedsOfItsRows) {
  const auto caption = [](const std::vector<RunResult>& results) {
    return summary_markdown({"demo", 1, "bench.svg"}, summarize(results), results);
  };
  EXPECT_NE(caption({run_of("a", 7, 1), failure_of("b", 7, "x")}).find("\n\nSeed 7, 1 rank."), std::string::npos);
  EXPECT_NE(caption({run_of("a", 9, 1), run_of("a", 4, 1)}).find("\n\nSeeds 4, 9, 1 rank."), std::string::npos);
}

/// Cells of a row: bars that no backslash precedes, less one.
size_t cells_of(const std::string& row) {
  const std::regex bar(R"((\\.)|(\|))");
  size_t bars = 0;
  for (std::sregex_iterator it(row.begin(), row.end(), bar), end; it != end; ++it) bars += (*it)[2].matched ? 1 : 0;
  return bars - 1;
}

TEST(Table, NamesOfAnotherProgramDoNotBreakIt) {
  std::vector<RunResult> results{run_of("a|\n", 1, 0.5), run_of("a|\n", 2, 0.5), run_of("b\\|", 1, 0.5),
                                 failure_of("c|\r\n", 1, "a\\|\n<b>")};
  for (RunResult& run : results) run.metric = "acc|<b>]\n\n\x01", run.split = "dev|\n";
  results[2].metric = "f|\n1";
  const std::string text = summary_markdown({"demo", 1, "bench.svg"}, summarize(results), results);
  std::vector<size_t> cells;
  size_t others = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with('|'))
      cells.push_back(cells_of(line));
    else
      ++others;
  EXPECT_EQ(cells, (std::vector<size_t>{11, 11, 11, 11, 11, 3, 3, 3})) << text;
  EXPECT_EQ(others, 9u) << text;
  EXPECT_NE(text.find("![acc|\\<b>\\]    on dev|  by method](bench.svg)"), std::string::npos) << text;
  EXPECT_NE(text.find("a\\\\\\| \\<b>"), std::string::npos) << text;
  const std::string svg = draw_plot("x", summarize(results));
  EXPECT_EQ(svg.find('\x01'), std::string::npos) << "not a character of XML";
}

TEST(Table, LargeValuesAreShort) {
  EXPECT_EQ(metric_value(-87.5), "-87.5000");
  EXPECT_EQ(metric_value(1.23456e200), "1.235e+200");
}

TEST(Table, WithoutResultsItHasNoRows) {
  const std::string text = summary_markdown({"demo", 1, "bench.svg"}, {}, {});
  EXPECT_NE(text.find("| method | metric | runs |"), std::string::npos) << text;
  EXPECT_NE(text.find("# demo\n\n1 rank. The metric"), std::string::npos) << text;
  EXPECT_EQ(csv_rows(runs_csv({}), "runs.csv").size(), 1u);
}

TEST(Csv, FieldsReadBack) {
  for (const std::string text : {"", "plain", "a,b", "say \"x\"", "\"", " space "})
    EXPECT_EQ(csv_rows("x," + csv_field(text) + "\n", "f"), (std::vector<std::vector<std::string>>{{"x", text}}))
        << text;
  EXPECT_EQ(csv_rows("\xEF\xBB\xBF\"a\"", "f"), (std::vector<std::vector<std::string>>{{"a"}}));
  EXPECT_EQ(csv_rows("a,b\r\n\r\n\"1\n2\",3", "f"), (std::vector<std::vector<std::string>>{{"a", "b"}, {"1\n2", "3"}}));
  try {
    csv_rows("a\n\"b\n", "f.csv");
    FAIL();
  } catch (const DataError& error) {
    EXPECT_STREQ(error.what(), "f.csv:2: a quoted field does not end");
  }
}

/// Positions of the large dots: the metric of each method, then its cost.
size_t count(const std::string& text, const std::string& part) {
  size_t number = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++number;
  return number;
}

TEST(Plot, HasADotPerSeedAndMethod) {
  const std::string svg = draw_plot("a <b>", summarize(sample()));
  EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" ")) << svg;
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_EQ(count(svg, "class=\"seed\""), 4u);
  EXPECT_EQ(count(svg, "class=\"spread\""), 1u) << "one run has no deviation";
  EXPECT_EQ(count(svg, "class=\"mean\""), 4u) << "two metrics and two costs";
  EXPECT_NE(svg.find("a &lt;b&gt;"), std::string::npos);
  EXPECT_NE(svg.find("0.8500 ± 0.0458"), std::string::npos);
  EXPECT_NE(svg.find("of full fine-tuning"), std::string::npos);
  for (const char* broken : {"nan", "inf", "href", "url("}) EXPECT_EQ(svg.find(broken), std::string::npos) << broken;
}

TEST(Plot, WithoutBytesItHasTheTrainedShare) {
  auto results = sample();
  for (RunResult& run : results) run.bytes_share = std::nullopt;
  EXPECT_NE(draw_plot("x", summarize(results)).find("trained parameters, of all"), std::string::npos);
}

TEST(Plot, OfNothingOrEqualValuesIsWhole) {
  for (const auto& results : {std::vector<RunResult>{},
                              {run_of("a", 1, 0.5), run_of("a", 2, 0.5)},
                              {run_of("a", 1, 0)},
                              {failure_of("a", 1, "x")}}) {
    const std::string svg = draw_plot("x", summarize(results));
    EXPECT_TRUE(svg.ends_with("</svg>\n"));
    for (const char* broken : {"nan", "inf"}) EXPECT_EQ(svg.find(broken), std::string::npos) << svg;
  }
}

}  // namespace
}  // namespace filigree::bench
