// The templates of tokenizer_files.h.
#include <fmt/format.h>

#include "core/error.h"
#include "core/tokenizer/files/tokenizer_files.h"

namespace filigree::data {
namespace {

using nlohmann::json;
using Kind = TemplatePiece::Kind;

std::vector<TemplatePiece> read_pieces(const JsonReader& reader, const json& processor, const char* key) {
  std::vector<TemplatePiece> pieces;
  if (!processor.contains(key) || !processor[key].is_array())
    reader.fail(fmt::format("post_processor.{} is not a list", key));
  for (const json& entry : processor[key]) {
    const bool special = entry.is_object() && entry.contains("SpecialToken");
    const json& body = reader.object(entry, special ? "SpecialToken" : "Sequence");
    const std::string name = reader.text(body, "id", "");
    TemplatePiece piece;
    piece.type_id =
        body.contains("type_id") ? static_cast<int32_t>(reader.number(body["type_id"], "type_id", kMaxTypeId)) : 0;
    if (special) {
      const json& token = reader.object(reader.object(processor, "special_tokens"), name.c_str());
      if (!token.contains("ids") || !token["ids"].is_array())
        reader.fail(fmt::format("special token '{}' has no ids", name));
      for (const json& id : token["ids"]) piece.ids.push_back(reader.id(id, "id of " + name));
    } else if (name == "A" || name == "B") {
      piece.kind = name == "A" ? Kind::a : Kind::b;
    } else {
      reader.fail(fmt::format("post_processor.{} names sequence '{}', not A or B", key, name));
    }
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

int32_t processing_id(const JsonReader& reader, const json& processor, const char* key) {
  if (!processor.contains(key) || !processor[key].is_array() || processor[key].size() != 2)
    reader.fail(fmt::format("post_processor.{} is not [token, id]", key));
  return reader.id(processor[key][1], fmt::format("post_processor.{}", key));
}

std::optional<Template> processor_template(const JsonReader& reader, const json& processor, bool byte_level);

/// At most one processor of a Sequence may add tokens.
std::optional<Template> sequence_template(const JsonReader& reader, const json& sequence) {
  if (!sequence.contains("processors") || !sequence["processors"].is_array())
    reader.fail("post_processor.processors is not a list");
  std::optional<Template> found;
  for (const json& processor : sequence["processors"]) {
    const auto around = processor_template(reader, processor, true);
    if (around && found) reader.fail("post_processor.processors: at most one may add tokens");
    if (around) found = around;
  }
  return found;
}

/// nullopt for a processor that only changes offsets.
std::optional<Template> processor_template(const JsonReader& reader, const json& processor, bool byte_level) {
  const std::string type = reader.text(processor, "type", "");
  using Make = Template (*)(int32_t, int32_t);
  const auto cls_and_sep = [&](Make make) {
    const int32_t cls = processing_id(reader, processor, "cls");
    return make(cls, processing_id(reader, processor, "sep"));
  };
  if (type == "BertProcessing") return cls_and_sep(bert_template);
  if (byte_level) {
    if (type == "RobertaProcessing") return cls_and_sep(roberta_template);
    if (type == "ByteLevel") return {};
    if (type == "Sequence") return sequence_template(reader, processor);
  }
  reader.expect_type(processor, "post_processor", "TemplateProcessing");
  return Template{read_pieces(reader, processor, "single"), read_pieces(reader, processor, "pair")};
}

void require(const std::filesystem::path& dir, const char* family, const char* role, int32_t id) {
  if (id < 0)
    throw DataError(fmt::format("{}: {} needs a {}, which the files set to null", dir.string(), family, role));
}

}  // namespace

Template plain_template() { return {{{Kind::a, {}, 0}}, {{Kind::a, {}, 0}, {Kind::b, {}, 1}}}; }

Template bert_template(int32_t cls, int32_t sep) {
  const TemplatePiece first{Kind::tokens, {cls}, 0}, a{Kind::a, {}, 0}, b{Kind::b, {}, 1};
  const TemplatePiece end_a{Kind::tokens, {sep}, 0}, end_b{Kind::tokens, {sep}, 1};
  return {{first, a, end_a}, {first, a, end_a, b, end_b}};
}

Template bert_template(const std::filesystem::path& dir, const SpecialIds& special) {
  require(dir, "BERT", "unk_token", special.unk);
  require(dir, "BERT", "cls_token", special.cls);
  require(dir, "BERT", "sep_token", special.sep);
  return bert_template(special.cls, special.sep);
}

Template roberta_template(const std::filesystem::path& dir, const SpecialIds& special) {
  require(dir, "RoBERTa", "cls_token", special.cls);
  require(dir, "RoBERTa", "sep_token", special.sep);
  return roberta_template(special.cls, special.sep);
}

Template roberta_template(int32_t cls, int32_t sep) {
  const TemplatePiece first{Kind::tokens, {cls}, 0}, a{Kind::a, {}, 0}, b{Kind::b, {}, 0};
  const TemplatePiece end{Kind::tokens, {sep}, 0}, between{Kind::tokens, {sep, sep}, 0};
  return {{first, a, end}, {first, a, between, b, end}};
}

Template read_template(const JsonReader& reader, bool byte_level) {
  const json& root = reader.root();
  if (!root.contains("post_processor") || root["post_processor"].is_null()) return plain_template();
  return processor_template(reader, reader.object(root, "post_processor"), byte_level).value_or(plain_template());
}

}  // namespace filigree::data
