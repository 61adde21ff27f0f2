#pragma once
// One JSON file with typed access that complains: every error is a DataError naming the file and the key.
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace filigree::data {

class JsonReader {
 public:
  /// What reads such a file in transformers: Rust, for tokens and their ids, where an object must not have a key twice;
  /// or Python, for settings (core/files/python_json.h).
  enum class Dialect { tokens, python };

  /// The file must hold one object.
  explicit JsonReader(std::string file, Dialect dialect = Dialect::tokens);
  /// The settings in `file`, or nothing where the file is missing.
  static std::optional<JsonReader> settings(const std::filesystem::path& file);

  [[noreturn]] void fail(const std::string& message) const;
  const nlohmann::json& root() const { return root_; }

  const nlohmann::json& object(const nlohmann::json& in, const char* key) const;
  /// A string, or the "content" of an object (as special tokens are written); `otherwise` when it is missing or null.
  std::string text(const nlohmann::json& in, const char* key, const std::string& otherwise) const;
  bool flag(const nlohmann::json& in, const char* key, bool otherwise) const;
  std::optional<bool> optional_flag(const nlohmann::json& in, const char* key) const;
  int64_t number(const nlohmann::json& value, const std::string& what, int64_t most) const;
  int32_t id(const nlohmann::json& value, const std::string& what) const;
  /// in.type must be `wanted`; `part` names what has the type.
  void expect_type(const nlohmann::json& in, const char* part, const std::string& wanted) const;

 private:
  std::string file_;
  nlohmann::json root_;
};

}  // namespace filigree::data
