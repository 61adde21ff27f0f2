// Every number of a recipe, of the real methods as well, at the ends of its range, beyond them, and far beyond.
#include <algorithm>
#include <cmath>
#include <limits>
#include <regex>

#include "core/adapt/method.h"
#include "tests/core/recipe/support.h"
#include "tests/support/catalog.h"

namespace filigree::recipe::test {
namespace {

/// A recipe that has every section, so that each key has a place.
const char* const kAll = R"(name: demo
model: {path: /models/x, task: causal_lm}
data: {format: e2e, dir: /data, train: a.txt}
parallel: {tensor: 1}
stages:
  - name: s
    method: METHOD
    train: {epochs: 1, batch_size: 65536}
  - name: p
    prune: {structure: STRUCTURE}
  - name: d
    train: {epochs: 1, batch_size: 65536}
  - name: e
    export: {format: hf}
checkpoint: {keep: 3}
eval: {generate: {beams: 2}}
)";

std::string stage_of(const std::string& key) {
  if (key.starts_with("prune")) return "p";
  if (key.starts_with("export")) return "e";
  return key.starts_with("train.distill") || key.starts_with("rewind") ? "d" : "s";
}

/// "stages[].method(dsee).rank" as an argument of --set, and the recipe in which it means something.
struct Place {
  std::string key, text;
};
Place place_of(const std::string& path) {
  std::string text = kAll, key = path, method = "full";
  std::smatch match;
  if (std::regex_match(path, match, std::regex(R"(stages\[\]\.(.*))"))) {
    std::string rest = match[1];
    if (std::regex_match(rest, match, std::regex(R"(method\((.*)\)\.(.*))"))) {
      method = match[1];
      rest = "method." + match[2].str();
    }
    key = "stages." + stage_of(rest) + "." + rest;
  }
  const bool unstructured = path.ends_with("prune.sparsity");
  text = replace(text, "{structure: STRUCTURE}", unstructured ? "{sparsity: 0.5}" : "{structure: [heads, ffn]}");
  if (path.ends_with("prune.batches") || path.ends_with("prune.batch_size"))
    text = replace(text, "[heads, ffn]", "[heads, ffn], score: taylor");
  if (path.ends_with("rewind.step")) text = replace(text, "  - name: d\n", "  - name: d\n    rewind: {stage: s}\n");
  const bool distills = path.ends_with("train.distill.weight") || path.ends_with("train.distill.temperature");
  const bool masks = path == "data.mask_probability";
  if (distills || masks) text = replace(text, "generate: {beams: 2}", "every: 5");
  if (masks) text = replace(replace(text, "causal_lm", "masked_lm"), "format: e2e", "format: text");
  if (distills)
    text = replace(replace(text, "causal_lm", "sequence_classification"), "format: e2e, dir: /data, train: a.txt",
                   "format: tsv, task: sst2, dir: /data");
  if (path.ends_with(".support_rank")) method = "{name: dsee, targets: [query], support: principal}";
  if (path.ends_with(".support_warmup") || path.ends_with(".support_batches"))
    method = "{name: dsee, targets: [query], support: gradient}";
  const std::pair<const char*, const char*> others[] = {{".sparsity_warmup", "sparsity_hold: 0"},
                                                        {".sparsity_hold", "sparsity_warmup: 0"},
                                                        {".threshold_warmup", "threshold_hold: 0"},
                                                        {".threshold_hold", "threshold_warmup: 0"},
                                                        {".initial_sparsity", "sparsity: 0.999999999"},
                                                        {".draw_every", "stop_distance: 0.1"},
                                                        {".draws", "stop_distance: 0.1"},
                                                        {"(gates).heads", "stop_distance: 0.1"},
                                                        {"(gates).ffn", "stop_distance: 0.1"}};
  for (const auto& [end, other] : others)
    if (path.ends_with(end) && !(path.find("(smp)") != std::string::npos && path.ends_with("_hold")))
      method = fmt::format("{{name: {}, {}}}", method, other);
  return {key, replace(text, "METHOD", method)};
}

std::string written(double value, bool whole) {
  if (whole && std::abs(value) < 9e18) return fmt::format("{}", static_cast<int64_t>(value));
  return fmt::format("{}", value);
}

class Ranges : public RecipeTest {
 protected:
  std::string said(const Place& place, const std::string& value) const {
    try {
      load(write(place.text), {place.key + "=" + value}, filigree::testing::builtin_catalog());
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  }
  void expect(const NumberKey& number, const std::string& value, bool good) const {
    const Place place = place_of(number.path);
    const std::string what = said(place, value);
    const bool refused = what.find("--set " + place.key + ": ") != std::string::npos;
    EXPECT_EQ(refused, !good) << place.key << "=" << value << ": '" << what << "'";
    if (good) {
      EXPECT_EQ(what, "") << place.key << "=" << value;
    }
  }
};

TEST_F(Ranges, EveryNumberHasOneThatIsHeld) {
  const auto numbers = number_keys(filigree::testing::builtin_catalog());
  EXPECT_GE(numbers.size(), 45u);
  for (const NumberKey& number : numbers) {
    const double low = number.range.lowest(), high = number.range.highest();
    EXPECT_LT(low, high) << number.path;
    EXPECT_TRUE(std::isfinite(low) && std::isfinite(high)) << number.path;
    for (const double value : {low - 1, low, low + (high - low) / 2, high, high * 2 + 1}) {
      const double rounded = number.whole ? std::floor(value) : value;
      if (number.whole && std::abs(rounded) > 9e18) continue;
      if (rounded == 0 && number.path.ends_with("sparse")) continue;  // rank and sparse exclude each other at 0
      expect(number, written(rounded, number.whole), number.range.includes(rounded));
    }
  }
}

TEST_F(Ranges, NothingIsBeyondAllBounds) {
  for (const NumberKey& number : number_keys(filigree::testing::builtin_catalog())) {
    for (const char* value : {"nan",
                              ".nan",
                              "NaN",
                              "inf",
                              ".inf",
                              "-.inf",
                              "1e300",
                              "-1e300",
                              "1e19",
                              "9223372036854775808",
                              "-9223372036854775809",
                              "99999999999999999999999999",
                              "-1000000000000000000",
                              "1e999",
                              "x",
                              "0x10",
                              "1_000",
                              "''",
                              "[1]",
                              "{a: 1}"})
      expect(number, value, false);
    if (number.range.highest() < 9e18) expect(number, "9223372036854775807", false);
  }
}

TEST_F(Ranges, AllAreReportedAtOnce) {
  const std::string what = said({"seed", replace(replace(kAll, "METHOD", "full"), "STRUCTURE", "[heads]")}, "-1");
  EXPECT_NE(what.find("--set seed: is -1, must be at least 0"), std::string::npos) << what;
  std::string text = replace(replace(kAll, "METHOD", "full"), "STRUCTURE", "[heads]");
  for (const char* from : {"epochs: 1,", "keep: 3", "beams: 2", "tensor: 1"})
    text = replace(text, from,
                   std::string(from).substr(0, std::string(from).find(':')) + ": 1e300" +
                       (std::string(from).ends_with(',') ? "," : ""));
  const std::string all = complaint(text);
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 3) << all;
}

TEST(Range, TellsTheEndThatWasMissed) {
  EXPECT_EQ(from(1).to(8).missed(0), "at least 1");
  EXPECT_EQ(from(1).to(8).missed(9), "at most 8");
  EXPECT_EQ(above(0).below(1).missed(0), "above 0");
  EXPECT_EQ(above(0).below(1).missed(1), "below 1");
  EXPECT_EQ(from(1).to(8).missed(8), "");
  EXPECT_NE(from(1).to(8).missed(std::numeric_limits<double>::quiet_NaN()), "");
  EXPECT_EQ(from(0).below(1).text(), "at least 0 and below 1");
}

}  // namespace
}  // namespace filigree::recipe::test
