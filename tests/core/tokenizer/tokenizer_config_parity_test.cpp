// labels: unit parity
// Token ids and type ids of generated model folders against AutoTokenizer of transformers: settings of
// tokenizer_config.json beside tokenizer.json, vocab.txt and vocab.json, special tokens of other files, odd vocab.txt
// files, both sides of truncation.
#include <gtest/gtest.h>

#include <fstream>

#include "parity.h"

namespace filigree::data {
namespace {

TEST(TokenizerConfigParity, GeneratedFolders) {
  const std::string dir = testing::reference_dir("FILIGREE_CONFIG_REFERENCE", "config_reference", "count.txt");
  if (dir.empty())
    GTEST_SKIP() << "the reference files are missing: the fixture config_reference needs FILIGREE_PYTHON with "
                    "transformers";
  int count = 0;
  std::ifstream(dir + "/count.txt") >> count;
  ASSERT_GE(count, 150);
  for (int folder = 0; folder < count; ++folder) {
    const std::string path = dir + "/" + std::to_string(folder);
    testing::compare(path, path + ".bin", 200);
  }
}

}  // namespace
}  // namespace filigree::data
