#pragma once
// Values of a JSON object that was read from a file, each checked for its type and range. A DataError names
// the location: "path: state.run.stage: must be a whole number, at least 0".
#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace filigree::train {

class Fields {
 public:
  /// where: "path: state.run". DataError if it is not an object. The JSON must outlive this.
  Fields(const nlohmann::json& json, std::string where);

  bool contains(const std::string& key) const { return json_.contains(key); }
  const nlohmann::json& at(const std::string& key) const;
  int64_t count(const std::string& key) const;  ///< a whole number, at least 0
  double number(const std::string& key) const;  ///< finite
  std::string text(const std::string& key) const;
  std::vector<std::string> texts(const std::string& key) const;
  std::map<std::string, std::string> text_map(const std::string& key) const;
  Fields object(const std::string& key) const;
  std::vector<Fields> list(const std::string& key) const;  ///< of objects

  [[noreturn]] void fail(const std::string& key, const std::string& problem) const;

 private:
  const nlohmann::json& json_;
  std::string where_;
};

}  // namespace filigree::train
