#pragma once
// Names of methods and the structs of their options, for the recipe loader. core/adapt fills it
// (adapt::builtin_methods()), so the loader does not depend on any method.
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/recipe/recipe.h"

namespace filigree::recipe {

class MethodCatalog {
 public:
  using Make = std::function<std::shared_ptr<MethodOptions>()>;
  void add(const std::string& name, const std::string& help, Make make) { entries_[name] = {help, std::move(make)}; }

  struct Entry {
    std::string help;
    Make make;
  };
  const std::map<std::string, Entry>& entries() const { return entries_; }

 private:
  std::map<std::string, Entry> entries_;
};

}  // namespace filigree::recipe
