# Turns the opening comment of a header, its contract, into the documentation of the file, laid out as written.
# The number of lines does not change, so that warnings name the right ones.
FNR == 1 && /^#pragma once/ { print "/** @file"; header = 1; next }
FNR == 2 && header { held = 1; text = /^\/\// ? "@verbatim " contract() : "*/ " $0; open = /^\/\//; next }
held && open && /^\/\// { print text; text = contract(); next }
held { print text (open ? " @endverbatim */" : ""); held = 0 }
{ print }
END { if (held) print text (open ? " @endverbatim */" : "") }
function contract(    line) { line = $0; sub(/^\/\/ ?/, "", line); return line }
