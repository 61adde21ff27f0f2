// labels: unit
// The exports that a run directory holds, and their formats.
#include "core/log/exports_in.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/files/ownership.h"
#include "tests/core/checkpoint/store_support.h"
#include "tests/core/checkpoint/temp_dir.h"

namespace filigree::files {
namespace {

namespace fs = std::filesystem;
using filigree::test::spit;
using filigree::test::TempDir;

void make_export(const std::string& dir, const std::string& file, const std::string& format = "") {
  fs::create_directories(dir);
  spit(dir + "/config.json", R"({"model_type":"bert"})");
  spit(dir + "/" + file, R"({"filigree":{"heads":[]}})");
  write_marker(dir, DirectoryKind::model_export);
  if (!format.empty()) add_to_marker(dir, DirectoryKind::model_export, kFormatKey, format);
}

std::string text_of(const std::vector<FoundExport>& found) {
  std::string text;
  for (const auto& [name, format] : found) text += name + " (" + format + ") ";
  return text;
}

TEST(ExportsIn, ListsTheExportsThatExist) {
  const TempDir run;
  EXPECT_EQ(text_of(exports_in(run.path())), "");
  make_export(run / "final", "a");
  make_export(run / "z", "a", "filigree");
  make_export(run / "a/b", "a");
  make_export(run / "peft", "adapter_config.json");
  make_export(run / "sparse", "adapter_config.json");
  spit(run / "sparse/adapter_config.json", "{\"peft_type\": \"SUPERTUNING\"}");
  make_export(run / "small", "modeling_filigree.py");
  make_export(run / "shapes", "config.json");
  make_export(run / "z.kept-1", "a");
  make_export(run / "cache/base-1", "a");
  make_export(run / ".tmp-export-1", "a");
  fs::create_directories(run / "mine/deep");
  fs::create_directory_symlink(run / "z", run / "link");
  EXPECT_EQ(text_of(exports_in(run.path())),
            "a/b (hf) peft (peft) shapes (filigree) small (hf_pruned) sparse (peft_supertuning) z (filigree) final "
            "(filigree) ");
}

TEST(ExportsIn, OddDirectoriesDoNoHarm) {
  const TempDir run;
  make_export(run / "z", "a");
  make_export(run / "two\nlines", "a");
  fs::create_directory(run / "huge");
  spit(run / "huge/.filigree", "");
  fs::resize_file(run / "huge/.filigree", uintmax_t{1} << 33);  // a hole; reading it would take seconds
  fs::create_directory(run / "linked");
  fs::create_symlink(run / "z/.filigree", run / "linked/.filigree");
  std::string deep = run / "deep";
  for (int i = 0; i < 60; ++i) deep += "/" + std::string(60, 'd');
  fs::create_directories(deep);
  EXPECT_EQ(text_of(exports_in(run.path())), "two?lines (hf) z (hf) ");
}

TEST(ExportsIn, AnExportWithItsFormatInTheMarkerIsUntouched) {
  const TempDir run;
  make_export(run / "z", "a");
  seal_export(run / "z");
  add_to_marker(run / "z", DirectoryKind::model_export, kFormatKey, "hf");
  EXPECT_TRUE(is_untouched_export(run / "z"));
}

}  // namespace
}  // namespace filigree::files
