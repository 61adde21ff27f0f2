// The resolved recipe as YAML. Written without yaml-cpp, for a fixed layout that people can read and diff.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <type_traits>

#include "core/recipe/idle_keys.h"
#include "core/recipe/load.h"
#include "core/recipe/schema.h"
#include "core/recipe/yaml/environment.h"

namespace filigree::recipe {
namespace {

/// Text that YAML reads back as the same text without quotes.
bool is_plain(const std::string& text) {
  static const std::string safe = "/._-+";
  const auto good = [](unsigned char c) {
    return std::isalnum(c) != 0 || safe.find(static_cast<char>(c)) != std::string::npos;
  };
  std::string folded = text;
  for (char& c : folded) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return !text.empty() && text[0] != '-' && std::all_of(text.begin(), text.end(), good) && folded != "null";
}

std::string quote(const std::string& text) {
  std::string out = "\"";
  for (const char c : escape(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += '\\';
    if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string scalar(const std::string& value) { return is_plain(value) ? value : quote(value); }
std::string scalar(int64_t value) { return fmt::format("{}", value); }
std::string scalar(double value) { return fmt::format("{}", value); }
std::string scalar(bool value) { return value ? "true" : "false"; }

std::string scalar(const std::vector<std::string>& values) {
  std::string out = "[";
  for (const std::string& value : values) out += (out.size() > 1 ? ", " : "") + scalar(value);
  return out + "]";
}

/// The last two keys of a path: "distill.temperature".
std::string end_of(const std::string& path) {
  const size_t dot = path.rfind('.', path.rfind('.') - 1);
  return dot == std::string::npos ? path : path.substr(dot + 1);
}

class Writer {
 public:
  /// `idle`: keys to omit, each with its section: "data.pack".
  explicit Writer(std::set<std::string> idle) : idle_(std::move(idle)) {}

  void section(Schema& schema, int indent, const std::string& name = "") {
    for (const Field& field : schema.fields()) {
      if (field.is_written() && !idle_.contains(name + "." + field.key()))
        std::visit([&](const auto& target) { write(field.key(), target, indent); }, field.target());
    }
  }

  std::string text;

 private:
  void line(int indent, const std::string& content) {
    text += std::string(static_cast<size_t>(indent), ' ') + content + '\n';
  }

  template <class T>
  void write(const std::string& key, T* value, int indent) {
    line(indent, fmt::format("{}: {}", key, scalar(*value)));
  }

  template <class T>
  void write(const std::string& key, std::optional<T>* value, int indent) {
    if (value->has_value()) write(key, &**value, indent);
  }

  void write(const std::string& key, const Choice& choice, int indent) {
    line(indent, fmt::format("{}: {}", key, scalar(choice.get())));
  }

  void write(const std::string& key, const ChoiceList& choices, int indent) {
    line(indent, fmt::format("{}: {}", key, scalar(choices.get())));
  }

  void write(const std::string& key, std::optional<MethodConfig>* value, int indent) {
    if (!value->has_value()) return;
    Schema schema;
    schema.field("name", (*value)->name, "");
    if ((*value)->options) (*value)->options->describe(schema);
    line(indent, key + ":");
    section(schema, indent + 2);
  }

  void write(const std::string& key, const Section& target, int indent) {
    if (!target.present()) return;
    Schema schema;
    target.describe(schema);
    line(indent, key + ":");
    section(schema, indent + 2, key);
  }

  void write(const std::string& key, const SectionList& target, int indent) {
    line(indent, key + ":");
    for (size_t i = 0; i < target.size(); ++i) {
      Schema schema;
      target.describe(i, schema);
      const size_t start = text.size();
      section(schema, indent + 4);
      text[start + static_cast<size_t>(indent) + 2] = '-';
    }
  }

  std::set<std::string> idle_;
};

}  // namespace

std::string to_yaml(const Recipe& recipe) {
  Recipe copy = recipe;  // a schema points into the struct it describes; a method's options are only read
  Schema schema;
  describe(copy, schema);
  std::set<std::string> idle;
  for (const IdleKey& key : idle_keys(copy, nullptr)) idle.insert(end_of(key.path));
  Writer writer(std::move(idle));
  writer.section(schema, 0);
  return std::move(writer.text);
}

}  // namespace filigree::recipe
