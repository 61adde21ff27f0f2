#include "core/recipe/yaml/syntax.h"

#include <yaml-cpp/exceptions.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace filigree::recipe {
namespace {

namespace of_parser = YAML::ErrorMsg;

struct Explanation {
  std::initializer_list<const char*> starts;  ///< of the parser's messages
  const char* text;
};

/// Whether the message starts with one of these.
bool has_start(std::string_view message, std::initializer_list<const char*> starts) {
  return std::ranges::any_of(starts, [&](const char* start) { return message.starts_with(start); });
}

}  // namespace

std::string explain_syntax(const std::string& message) {
  static const Explanation table[] = {
      {{of_parser::MAP_VALUE},
       "': ' is not allowed here; put a value that contains ': ' in quotes, and give all keys of a section the same "
       "indentation"},
      {{of_parser::END_OF_MAP_FLOW}, "a '{' has no '}', or a ',' between two of its keys is missing"},
      {{of_parser::END_OF_SEQ_FLOW}, "a '[' has no ']', or a ',' between two of its items is missing"},
      {{of_parser::END_OF_MAP, of_parser::END_OF_SEQ},
       "the indentation of this line fits no section and no list above it; align it with the keys of its section, or "
       "start it with '- ' if it is an item of a list"},
      {{of_parser::FLOW_END}, "this ']' or '}' closes nothing; remove it, or add the '[' or '{' that it closes"},
      {{of_parser::EOF_IN_SCALAR}, "a text in quotes that starts before this place has no closing quote; add it"},
      {{of_parser::DOC_IN_SCALAR},
       "a text in quotes has a line that starts with '---' or '...'; is the closing quote missing?"},
      {{of_parser::CHAR_IN_SCALAR, of_parser::TAB_IN_INDENTATION}, "the indentation contains a tab; use spaces"},
      {{of_parser::BLOCK_ENTRY},
       "'- ' starts a list item, which is not allowed here; put the item on a separate line, or put the text in "
       "quotes"},
      {{of_parser::MAP_KEY}, "'? ' is not allowed here; put the text in quotes"},
      {{of_parser::UNKNOWN_TOKEN}, "a value cannot start with this character; put the value in quotes"},
      {{of_parser::UNKNOWN_ANCHOR},
       "a '*' at the start of a value refers to an anchor ('&name') above it, and there is none of this name; put the "
       "value in quotes if it is a text"},
      {{of_parser::ALIAS_NOT_FOUND, of_parser::ANCHOR_NOT_FOUND, of_parser::CHAR_IN_ALIAS, of_parser::CHAR_IN_ANCHOR,
        of_parser::INVALID_ANCHOR, of_parser::INVALID_ALIAS},
       "a '*' or '&' at the start of a value needs a name of letters and digits; put the value in quotes if it is a "
       "text"},
      {{of_parser::MULTIPLE_ANCHORS, of_parser::MULTIPLE_ALIASES, of_parser::AMBIGUOUS_ANCHOR,
        of_parser::ALIAS_CONTENT},
       "a value has two anchors ('&name'), or an alias ('*name') beside other content; keep one"},
      {{of_parser::MULTIPLE_TAGS, of_parser::CHAR_IN_TAG_HANDLE, of_parser::TAG_WITH_NO_SUFFIX,
        of_parser::END_OF_VERBATIM_TAG, of_parser::INVALID_TAG},
       "a '!' at the start of a value is a YAML tag; recipes use none: put the value in quotes if it is a text"},
      {{of_parser::INVALID_ESCAPE, of_parser::INVALID_HEX, of_parser::INVALID_UNICODE},
       "a '\\' in double quotes starts an escape sequence, and this one does not exist; write '\\\\', or use single "
       "quotes"},
      {{of_parser::SINGLE_QUOTED_CHAR}, "a text in single quotes contains a character that is not allowed in it"},
      {{of_parser::ZERO_INDENT_IN_BLOCK, of_parser::CHAR_IN_BLOCK},
       "after '|' or '>' only '+', '-' and a digit from 1 to 9 are allowed; start the text on the next line, indented"},
      {{of_parser::BAD_FILE}, "brackets or sections are nested too deeply"},
      {{of_parser::YAML_DIRECTIVE_ARGS, of_parser::YAML_VERSION, of_parser::YAML_MAJOR_VERSION,
        of_parser::REPEATED_YAML_DIRECTIVE, of_parser::TAG_DIRECTIVE_ARGS, of_parser::REPEATED_TAG_DIRECTIVE},
       "a line that starts with '%' is a YAML directive; recipes use none: remove it"},
  };
  for (const Explanation& row : table)
    if (has_start(message, row.starts)) return row.text;
  return "quotes, brackets or indentation are wrong near this place; compare it with a recipe in recipes/";
}

}  // namespace filigree::recipe
