#!/bin/sh
# usage: bpe_reference.sh PYTHON OUT SHARED_DATA
# Runs bpe_reference.py; 77 (skipped) when Python's tokenizers or WordNet lack.
set -eu
python=$1 out=$2 shared=$3
here=$(dirname "$0")
wordnet=/usr/share/wordnet
if ! "$python" -c "import tokenizers" 2>/dev/null; then
  echo "skipped: $python has no tokenizers package"
  exit 77
fi
if [ ! -e "$wordnet/data.noun" ]; then
  echo "skipped: WordNet (package wordnet-base) is not installed"
  exit 77
fi
last=$out/models.txt
for source in bpe_reference.py tokenizer_reference.py unicode_cases.txt; do
  [ "$last" -nt "$here/$source" ] || last=
done
if [ -n "$last" ]; then
  echo "up to date: $out"
  exit 0
fi
exec "$python" "$here/bpe_reference.py" "$out" "$wordnet" "$shared"
