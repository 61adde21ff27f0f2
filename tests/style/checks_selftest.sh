#!/usr/bin/env bash
# Proves that check_includes.sh, check_tree.sh, check_doxygen.sh and check_tidy.sh catch each violation: a small tree that
# passes, then one fault at a time.
set -euo pipefail
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 cases=0

clean_tree() {
  rm -rf "$work/tree"
  mkdir -p "$work"/tree/{dist/mpi,core/nn,core/new,core/adapt/methods,models/bert,launch,tests}
  cd "$work/tree"
  cat >CMakeLists.txt <<'EOF'
filigree_module(dist)
filigree_module(core FLAT NEEDS dist)   # a comment
filigree_module(core/nn NEEDS dist
                core EXTERNAL LibTorch::cpu)
filigree_module(models NEEDS core/nn dist)
filigree_program(launch NEEDS models dist)
EOF
  printf '#include "dist/mesh.h"\n' >core/random.h
  printf '#pragma once\n#include <string>\n' >dist/communicator.h
  printf '// A part.\n#include <mpi.h>\n#ifdef FILIGREE_HAS_MPI\n#endif\n' >dist/mpi/comm_mpi.cpp
  printf '#include <mpi.h>\n' >dist/mpi/comm_mpi_internal.h
  printf '// A part.\n#include "dist/mpi/comm_mpi_internal.h"\n' >dist/mpi/comm_mpi_p2p.cpp
  printf '// A part.\n#ifdef FILIGREE_HAS_NCCL\n#include <nccl.h>\n#endif\n' >dist/factory.cpp
  printf '#include <ATen/core/Tensor.h>\n#include "dist/communicator.h"\n#include "core/random.h"\n' >core/nn/model.h
  printf '// A part.\n#include "core/nn/model.h"\n' >models/bert/model.cpp
  printf '// A part.\n#include "dist/communicator.h"\n' >models/bert/load.cpp
  printf '// A part.\n#include "models/bert/load.h"\n#include "dist/communicator.h"\n' >launch/main.cpp
  printf '#include "launch/main.h"\n' >tests/main_test.cpp
}

# expect CHECK WORDS: the check fails and says WORDS.
expect() {
  local output
  cases=$((cases + 1))
  if output=$("$tests/$1" "$work/tree"); then
    echo "$1 passed, expected: $2"
    failed=1
  elif [[ "$output" != *"$2"* ]]; then
    printf '%s failed without "%s":\n%s\n' "$1" "$2" "$output"
    failed=1
  fi
}

# fault CHECK FILE LINE WORDS: LINE is added to FILE of a clean tree.
fault() {
  clean_tree
  printf '%s\n' "$3" >>"$2"
  expect "$1" "$4"
}

clean_tree
"$tests/check_includes.sh" "$work/tree" || { echo "check_includes.sh fails on a clean tree"; failed=1; }
"$tests/check_tree.sh" "$work/tree" || { echo "check_tree.sh fails on a clean tree"; failed=1; }

fault check_includes.sh dist/communicator.h '#include "core/nn/model.h"' 'dist/communicator.h:3: "core/nn/model.h" points back: dist may not include core'
fault check_includes.sh dist/communicator.h '#include <models/bert/model.h>' 'dist may not include models'
fault check_includes.sh core/nn/model.h '#include "models/bert/model.h"' 'core may not include models'
fault check_includes.sh core/nn/model.h '#include "launch/main.h"' 'core may not include launch'
fault check_includes.sh models/bert/load.cpp '  #  include "launch/main.h"' 'models may not include launch'
fault check_includes.sh launch/main.cpp '#include "tests/support/helper.h"' 'launch may not include tests'
fault check_includes.sh models/bert/model.cpp '#include "dist/communicator.h"' 'no word of parallelism'
fault check_includes.sh core/nn/model.h '#include <mpi.h>' '<mpi.h> outside'
fault check_includes.sh dist/communicator.h '#include <nccl.h>' '<nccl.h> outside'
fault check_includes.sh launch/main.cpp '#include "mpi.h"' '<mpi.h> outside'
fault check_includes.sh core/nn/model.h '#include "dist/mpi/comm_mpi_internal.h"' 'is private to its backend'
fault check_includes.sh dist/mesh.cpp '#include "dist/mpi/comm_mpi_internal.h"' 'is private to its backend'
fault check_includes.sh core/nn/model.h '#ifdef FILIGREE_HAS_MPI' 'preprocessor branch'
fault check_includes.sh core/nn/model.h '#if 0' 'preprocessor branch'
fault check_includes.sh core/nn/model.h '# ifndef CORE_H' 'preprocessor branch'
fault check_includes.sh tests/main_test.cpp '#include <torch/torch.h>' 'takes seconds to compile'
fault check_includes.sh core/nn/model.h '#include <ATen/ATen.h>' 'takes seconds to compile'
fault check_includes.sh core/nn/model.h '#include "linear.h"' 'not named from the root'
fault check_includes.sh core/random.h '#include "core/nn/linear.h"' 'core/random.h:2: "core/nn/linear.h": core does not declare that it needs core/nn'
fault check_includes.sh launch/main.cpp '#include "core/random.h"' 'launch does not declare that it needs core '
fault check_includes.sh CMakeLists.txt 'filigree_module(core/nn NEEDS models)' 'core/nn declares that it needs models, but includes nothing of it'
fault check_includes.sh core/nn/linear.cpp '#include "core/nn/model.h"' 'core/nn/linear.cpp:1: has no header of its own'
fault check_includes.sh core/new/room.h '#pragma once' 'core/new/room.h: is in no module that CMakeLists.txt declares'
fault check_tree.sh core/nn/model.h "// see /root""/notes" 'a path of one machine'
fault check_tree.sh launch/main.cpp "const char* p = \"/work""/main\";" 'a path of one machine'
HOME=/home/someone fault check_tree.sh launch/main.cpp "// /home""/someone/x" 'a path of one machine'
fault check_tree.sh core/nn/long.cpp "$(printf '//\n%.0s' {1..501})" 'more than 500 lines'
fault check_tree.sh core/adapt/methods/long.cpp "$(printf '//\n%.0s' {1..151})" 'a method of more than 150 lines'
fault check_tree.sh core/nn/model.h 'if (dynamic_cast<const LowRank''Sparse*>(adapter)) {}' 'asks for the class of an adapter'
fault check_tree.sh core/adapt/methods/new.h 'std::vector<Reslice> reslice(int64_t dim, const AxisChange& change);' 'declare a follower'
fault check_tree.sh guide.md "$(printf 'word %.0s' {1..30})" 'guide.md:1: prose of 150 columns; wrap it at 100'
fault check_tree.sh guide.md "$(printf '```\n```\n%s' "$(printf 'ä%.0s' {1..101})")" 'guide.md:3: prose of 101 columns'
clean_tree
printf '%s\n' "| $(printf 'cell %.0s' {1..30}) |" '```' "$(printf 'code %.0s' {1..30})" '```' "$(printf 'ä%.0s' {1..100})" >guide.md
"$tests/check_tree.sh" "$work/tree" || { echo "check_tree.sh refuses tables, code or wide characters"; failed=1; }
clean_tree
mkdir core/drawer && touch core/drawer/{a..z}.h
expect check_tree.sh 'core/drawer: 26 files; divide it into rooms'
clean_tree
head -c 1100000 /dev/zero >core/big.bin
expect check_tree.sh 'core/big.bin: larger than 1 MB'

if command -v doxygen >/dev/null 2>&1; then
  clean_tree
  "$tests/check_doxygen.sh" "$work/tree" || { echo "check_doxygen.sh fails on a clean tree"; failed=1; }
  fault check_doxygen.sh core/nn/model.h '/// Rows that \wrong holds.
void rows();' "Found unknown command '\wrong'"
fi

# tidy_fault WORDS: clang-tidy, with the project's rules, says WORDS of the code on stdin; WORDS is "clean" where it passes.
tidy_fault() {
  local output code=0
  cases=$((cases + 1))
  cat >"$work/tree/launch/fault.cpp"
  printf '[{"directory": "%s", "file": "launch/fault.cpp", "command": "c++ -std=c++20 -Winvalid-pch -include %s -c launch/fault.cpp"}]' \
    "$work/tree" "$work/build/cmake_pch.hxx" >"$work/build/compile_commands.json"
  output=$(FILIGREE_BUILD_DIR="$work/build" "$tests/check_tidy.sh" "$work/tree/launch/fault.cpp") || code=$?
  [ "$code" != 77 ] || { echo "$output" >"$work/skipped"; return 0; }
  [[ "$output" == *"$1"* ]] || { printf 'check_tidy.sh ends with %s, without "%s":\n%s\n' "$code" "$1" "$output"; failed=1; }
}
# tidy_skips WORDS NAME=VALUE...: check_tidy.sh does nothing, and says why.
tidy_skips() {
  local output code=0 words=$1
  shift
  output=$(env "$@" "$tests/check_tidy.sh" --all) || code=$?
  [ "$code" = 77 ] && [[ "$output" == "skipped: "*"$words"* ]] ||
    { printf 'check_tidy.sh is not skipped, exit code %s, without "%s":\n%s\n' "$code" "$words" "$output"; failed=1; }
}
clean_tree
mkdir "$work/build" "$work/bin"
printf '#!/bin/sh\necho LLVM version 1.2.3\n' >"$work/bin/clang-tidy"
chmod +x "$work/bin/clang-tidy"
tidy_skips 'is not here (found: 1.2.3)' PATH="$work/bin:$PATH" FILIGREE_HOME="$work/none"
tidy_fault '1 of 1 files are clean' <<<'int twice(int value) { return 2 * value; }'
tidy_fault 'invalid case style for function' <<<'int twiceOf(int value) { return 2 * value; }'
tidy_fault 'invalid case style for private member' <<<'class Half {
  int value = 0;
};'
tidy_fault 'bugprone-integer-division' <<<'double half(int value) { return value / 2; }'
tidy_fault 'performance-unnecessary-value-param' <<<'struct Text {
  Text(const Text& other);
  char first;
};
char first(Text text) { return text.first; }'
if [ -e "$work/skipped" ]; then
  cat "$work/skipped"
else
  tidy_skips 'build first' FILIGREE_BUILD_DIR="$work/none"
fi

# The same faults are seen in a git checkout, also in files that are not tracked yet; ignored files do not count.
if command -v git >/dev/null 2>&1; then
  fault check_tree.sh core/new.cpp "// /root""/notes" 'core/new.cpp:1'
  git -C "$work/tree" init -q
  expect check_tree.sh 'core/new.cpp:1'
  echo core/new.cpp >"$work/tree/.gitignore"
  "$tests/check_tree.sh" "$work/tree" || { echo "check_tree.sh reads ignored files"; failed=1; }
fi

echo "$cases faults"
exit "$failed"
