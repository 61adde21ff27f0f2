#pragma once
// Folders and small models for the tests of core/data.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "core/data/dataset.h"
#include "core/error.h"
#include "core/tokenizer/tokenizer.h"

namespace filigree::data::testing {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "filigree-data-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string write(const std::string& name, const std::string& content) const {
    const std::string file = path_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    std::ofstream(file, std::ios::binary) << content;
    return file;
  }

 private:
  std::string path_;
};

constexpr const char* kVocab =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\nf\ng\nh\n##a\n##b\n##c\n##d\ngood\nbad\nfilm\n.\n,\n\"\n";

/// A tokenizer of 23 tokens: [PAD] 0, [UNK] 1, [CLS] 2, [SEP] 3, [MASK] 4, a..h 5..12, ...
inline std::unique_ptr<Tokenizer> tiny_tokenizer() {
  const TempDir dir;
  dir.write("vocab.txt", kVocab);
  return load_tokenizer(dir.path());
}

/// The message of the UserError that `run` throws, with its exit code before it: "3 file:2: ...".
template <class F>
std::string error_of(F&& run) {
  try {
    run();
  } catch (const UserError& error) {
    return std::to_string(error.exit_code()) + " " + error.what();
  } catch (const std::exception& error) {
    return std::string("not a UserError: ") + error.what();
  }
  return "no error";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

#define EXPECT_HAS(text, part) \
  EXPECT_TRUE(::filigree::data::testing::contains((text), (part))) << (text) << "\nlacks: " << (part)

/// A split of the task that a data section stands for; of several dev splits the first.
inline Dataset load_split(const recipe::DataConfig& config, const std::string& split, const Tokenizer& tokenizer,
                          Task model_task, int64_t seed) {
  const TaskSpec task = resolve_task(config, model_task, builtin_formats());
  return load_dataset(config, task, splits_of(task, split).front(), tokenizer, seed);
}

}  // namespace filigree::data::testing
