# Passes ctest's output through; holds its summary back until ctest has ended and written its log, and prints the reason
# of every skipped test before it. Reads -v log_file=.../LastTest.log.
#
# In the log a skipped GoogleTest case is "FILE:LINE: Skipped", its reason, an empty line, "[  SKIPPED ] NAME"; a script
# prints "skipped: REASON".
/tests passed, .* tests failed out of/ { summary = 1 }
summary { held[++count] = $0; next }
{ print; fflush() }

function report(name, reason) {
  if (!(name in seen)) print "skipped: " name ": " reason
  seen[name] = 1
}

END {
  while ((getline line < log_file) > 0) {
    if (line ~ /^[0-9]+\/[0-9]+ Test: /) { sub(/^[^:]*: /, "", line); test = line }
    else if (line ~ /: Skipped$/) { reason = ""; reading = 1 }
    else if (line ~ /^\[  SKIPPED \] .*\(/) {
      split(line, words, " ")
      report(test ": " words[4], reason)
      reading = 0
    }
    else if (reading && line != "") reason = reason (reason == "" ? "" : " ") line
    else if (line ~ /^skipped: /) report(test, substr(line, 10))
  }
  for (i = 1; i <= count; ++i) print held[i]
}
