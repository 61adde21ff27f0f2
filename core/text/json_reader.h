#pragma once
// One JSON file with checked, typed access: every error is a DataError that names the file and the key.
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace filigree::data {

class JsonReader {
 public:
  /// The parser that transformers uses for the file: tokens and their ids in Rust, which rejects duplicate keys;
  /// settings in Python (core/files/python_json.h).
  enum class Dialect { tokens, python };

  /// The file must contain one object.
  explicit JsonReader(std::string file, Dialect dialect = Dialect::tokens);
  /// The settings in `file`, or nullopt if the file does not exist.
  static std::optional<JsonReader> settings(const std::filesystem::path& file);

  [[noreturn]] void fail(const std::string& message) const;
  const nlohmann::json& root() const { return root_; }

  const nlohmann::json& object(const nlohmann::json& in, const char* key) const;
  /// A string, or the "content" of an object (the form of special tokens); `otherwise` if it is missing or null.
  std::string text(const nlohmann::json& in, const char* key, const std::string& otherwise) const;
  bool flag(const nlohmann::json& in, const char* key, bool otherwise) const;
  std::optional<bool> optional_flag(const nlohmann::json& in, const char* key) const;
  int64_t number(const nlohmann::json& value, const std::string& what, int64_t most) const;
  int32_t id(const nlohmann::json& value, const std::string& what) const;
  /// in.type must be `wanted`; `part` is the name of `in` for the message.
  void expect_type(const nlohmann::json& in, const char* part, const std::string& wanted) const;

 private:
  std::string file_;
  nlohmann::json root_;
};

}  // namespace filigree::data
