"""`filigree tokenize` against the `tokenizers` package: one line of JSON for each line of the input, pairs split by a tab.

usage: tokenize_command.py FILIGREE MODELS BPE_MODELS
  MODELS      folder that tokenizer_reference.py filled
  BPE_MODELS  folder that bpe_reference.py filled
"""

import json
import os
import subprocess
import sys
import tempfile

try:
    from tokenizers import Tokenizer

    import tokenizer_reference
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)


def run(program, model, path):
    return subprocess.run([program, "tokenize", model, "--input", path], capture_output=True, text=True, timeout=120)


def inputs():
    texts = [t for t in tokenizer_reference.edge_cases() if not set("\t\n\r\0") & set(t)]
    return texts + [a + "\t" + b for a, b in zip(texts, texts[1:])]


def check_tokens(program, models, path):
    lines = inputs()
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write("".join(line + "\n" for line in lines))
    for model in models:
        done = run(program, model, path)
        assert done.returncode == 0, done.stderr
        printed = done.stdout.splitlines()
        assert len(printed) == len(lines), (len(printed), len(lines))
        tokenizer = Tokenizer.from_file(os.path.join(model, "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        for line, got in zip(lines, printed):
            wanted = tokenizer.encode(*line.split("\t"))
            assert json.loads(got) == {"ids": wanted.ids, "type_ids": wanted.type_ids}, (model, line, got)


def check_faults(program, models, path):
    with open(path, "wb") as file:
        file.write(b"fine\nbad \xff\n")
    done = run(program, os.path.join(models, "uncased"), path)
    assert done.returncode == 3 and f"{path}:2: byte 5 of the line (0xff) is not UTF-8" in done.stderr, done
    done = run(program, os.path.dirname(path), path)
    assert done.returncode == 3 and done.stdout == "", done


def main():
    program, models, bpe_models = sys.argv[1:4]
    for folder, last in ((models, "splits.bin"), (bpe_models, "models.txt")):
        if not os.path.exists(os.path.join(folder, last)):
            print(f"skipped: {folder} has no reference files")
            sys.exit(77)
    folders = [os.path.join(models, name) for name in ("uncased", "cased", "added")]
    folders += [os.path.join(bpe_models, name) for name in ("small", "small_roberta", "small_added")]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "input.txt")
        check_tokens(program, folders, path)
        check_faults(program, models, path)


if __name__ == "__main__":
    main()
