"""Writes what the `tokenizers` package makes of many texts, for tokenizer_parity_test.cpp and unicode_parity_test.cpp.

usage: tokenizer_reference.py OUT MODEL WORDNET SHARED_DATA
  MODEL        a BERT directory with tokenizer.json and vocab.txt
  WORDNET      folder of WordNet's data.* files; SHARED_DATA may be missing

OUT/<model>/          model directories made from MODEL: see models()
OUT/<model>.<set>.bin cases: per case i32 max_length (-1: none), text a, i32 has_b, text b, ids, type ids
OUT/<model>.decode.bin per case ids, i32 skip_special, text
OUT/normalized.bin    per option set: 4 x i32 (strip_accents -1: unset), then pairs (text, normalised text)
OUT/points.<k>.bin    the same for "a<c>b" of every code point c, only where the normalised text differs from it
OUT/splits.bin        one byte a code point: 1 punctuation, 2 whitespace of the pre-tokenizer, 4 a word character (\\w)
Texts and arrays are written as i32 length, then UTF-8 bytes or i32 values, little-endian.
"""

import json
import os
import random
import shutil
import struct
import sys

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.implementations import BertWordPieceTokenizer

POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
OPTIONS = [(1, 1, -1, 1), (1, 1, -1, 0), (1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (0, 1, 0, 0), (1, 1, 0, 1), (1, 1, 1, 0)]


class Writer:
    def __init__(self, path):
        self.file = open(path, "wb")

    def i32(self, *values):
        self.file.write(struct.pack(f"<{len(values)}i", *values))

    def text(self, text):
        data = text.encode()
        self.i32(len(data))
        self.file.write(data)

    def array(self, values):
        self.i32(len(values), *values)


def models_of(out, source):
    """Model directories and the reference tokenizer of each, by name."""

    def directory(name):
        path = os.path.join(out, name)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path

    base = json.load(open(os.path.join(source, "tokenizer.json")))
    result = {}

    def add_json(name, data):
        path = os.path.join(directory(name), "tokenizer.json")
        json.dump(data, open(path, "w"))
        tokenizer = Tokenizer.from_file(path)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        result[name] = tokenizer

    def changed(**parts):
        return {**json.loads(json.dumps(base)), **parts}

    def add_vocab(name, lines, config, **options):
        path = directory(name)
        vocab = os.path.join(path, "vocab.txt")
        open(vocab, "w", encoding="utf-8", newline="").write("".join(line + "\n" for line in lines))
        if config is not None:
            json.dump(config, open(os.path.join(path, "tokenizer_config.json"), "w"))
        result[name] = BertWordPieceTokenizer(vocab, **options)._tokenizer

    add_json("uncased", base)
    lines = open(os.path.join(source, "vocab.txt"), encoding="utf-8").read().split("\n")[:-1]
    add_vocab("uncased_vocab", lines, None)

    # A cased vocabulary: the base's, with capitalised and accented words in the places of its unused entries and behind.
    extra = [w.capitalize() for w in lines if w.isalpha() and len(w) > 2][:8000] + list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    extra += ["##" + c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"] + ["É", "é", "##é", "##É", "ü", "##ü", "caf", "naïve", "[", "##]"]
    cased = list(dict.fromkeys(lines + extra))
    add_vocab("cased_vocab", cased, {"do_lower_case": False}, lowercase=False)
    add_vocab("keep_accents", cased, {"do_lower_case": True, "strip_accents": False, "tokenize_chinese_chars": False},
              lowercase=True, strip_accents=False, handle_chinese_chars=False)
    cased_ids = {token: i for i, token in enumerate(cased)}
    cased_model = {**base["model"], "vocab": cased_ids, "max_input_chars_per_word": 12, "continuing_subword_prefix": "##"}
    add_json("cased", changed(model=cased_model, normalizer={**base["normalizer"], "lowercase": False},
                              post_processor={"type": "BertProcessing", "sep": ["[SEP]", 102], "cls": ["[CLS]", 101]}))

    def token(content, number, **flags):
        plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
        return {"id": number, "content": content, **plain, **flags}

    size = len(lines)
    added = base["added_tokens"] + [
        token("<ent>", size, lstrip=True), token("<end>", size + 1, rstrip=True), token("wn", size + 2, single_word=True),
        token("<ent>x", size + 3), token("New York", size + 4, normalized=True), token("élan", size + 5, normalized=True),
        token("synset", size + 6, normalized=True, single_word=True), token("<both>", size + 7, lstrip=True, rstrip=True),
        token("世界", size + 8), token("  ", size + 9), token("世", lines.index("世"))]
    add_json("added", changed(added_tokens=added))
    add_json("bare", changed(post_processor=None, normalizer=None, added_tokens=[]))
    return result


def glosses(folder, count):
    texts = []
    for name in ("data.noun", "data.verb", "data.adj", "data.adv"):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            texts += [line.split(" | ", 1)[1].strip() for line in file if not line.startswith(" ")]
    return texts[:: len(texts) // count][:count]


def shared_lines(folder):
    texts = []
    for name in ("SST-2", "CoLA", "MRPC", "E2E"):
        for part in ("train.tsv", "dev.tsv", "train.txt", "dev.txt"):
            path = os.path.join(folder, name, part)
            if os.path.exists(path):
                with open(path, encoding="utf-8-sig", newline="\n") as file:
                    texts += [line.rstrip("\r\n") for line in file]
    return texts


def edge_cases():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "unicode_cases.txt")
    with open(path, encoding="ascii") as file:
        return [""] + [line.rstrip("\n").encode().decode("unicode_escape") for line in file if not line.startswith("# ")]


def fuzz(count, seed):
    draw = random.Random(seed)
    marks = [c for c in list(range(0x300, 0x370)) + list(range(0x591, 0x5BE)) + list(range(0x8CA, 0x900)) +
             [0x1DF6, 0x1DFA, 0x3099, 0x1D165, 0x1E130, 0x11F41, 0x0C3C, 0x0C4D, 0x0F71, 0x0F72]]
    alphabets = [
        [ord(c) for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"], [0x20], list(range(0x80)),
        list(range(0xA0, 0x250)), marks, list(range(0x370, 0x530)), list(range(0x1E00, 0x2070)), list(range(0x4E00, 0x4E80)),
        list(range(0xAC00, 0xAC80)) + list(range(0x1100, 0x1200)), list(range(0x900, 0xE00)), POINTS, list(range(0xA720, 0xA800)),
        list(range(0x1F300, 0x1F700))]
    words = ["[MASK]", "[SEP]", "[CLS]", "<ent>", "<end>", "<both>", "<ent>x", "wn", "New York", "new york", "élan", "ELAN",
             "synset", "Synset", "世", "世界", "  ", "##", "unaffable", "the", "[mask]"]
    texts = []
    for _ in range(count):
        text = []
        for _ in range(draw.randrange(1, 9)):
            if draw.random() < 0.25:
                text.append(draw.choice(words))
            else:
                alphabet = draw.choice(alphabets)
                text.append("".join(chr(draw.choice(alphabet)) for _ in range(draw.randrange(1, 8))))
            if draw.random() < 0.4:
                text.append(" ")
        texts.append("".join(text))
    return texts


def write_cases(path, tokenizer, texts, pairs=(), lengths=(None,), types=True):
    """types: whether the tokenizer's class gives type ids; else they are 0."""
    out = Writer(path)
    for length in lengths:
        tokenizer.no_truncation()
        if length is not None:
            tokenizer.enable_truncation(length)
        inputs = [(text, None) for text in texts] + list(pairs)
        encoded = tokenizer.encode_batch([a if b is None else (a, b) for a, b in inputs])
        for (a, b), encoding in zip(inputs, encoded):
            out.i32(-1 if length is None else length)
            out.text(a)
            out.i32(int(b is not None))
            out.text(b or "")
            out.array(encoding.ids)
            out.array(encoding.type_ids if types else [0] * len(encoding.ids))
    tokenizer.no_truncation()


def write_decoded(path, tokenizer, texts):
    """The texts' own tokens, cut ones and random ones, each with and without special tokens."""
    out = Writer(path)
    draw = random.Random(4)
    size = max(tokenizer.get_vocab().values()) + 3
    special = sorted(i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special) or [0]
    cases = []
    for encoding in tokenizer.encode_batch(texts):
        cases += [encoding.ids, encoding.ids[draw.randrange(0, 4) :]]
    for _ in range(2000):
        cases.append([draw.choice(special) if draw.random() < 0.1 else draw.randrange(size) for _ in range(draw.randrange(12))])
    for ids in cases:
        for skip in (False, True):
            out.array(ids)
            out.i32(int(skip))
            out.text(tokenizer.decode(ids, skip_special_tokens=skip))


def write_normalized(out, texts):
    def normalizer(options):
        clean, chinese, strip, lower = options
        return normalizers.BertNormalizer(clean_text=bool(clean), handle_chinese_chars=bool(chinese),
                                          strip_accents=None if strip < 0 else bool(strip), lowercase=bool(lower))

    writer = Writer(os.path.join(out, "normalized.bin"))
    for options in OPTIONS:
        made = normalizer(options)
        writer.i32(*options)
        writer.i32(len(texts))
        for text in texts:
            writer.text(text)
            writer.text(made.normalize_str(text))
    for k, options in enumerate(OPTIONS):
        made = normalizer(options)
        writer = Writer(os.path.join(out, f"points.{k}.bin"))
        writer.i32(*options)
        for c in POINTS:
            text = f"a{chr(c)}b"
            normal = made.normalize_str(text)
            if normal != text:
                writer.i32(c)
                writer.text(normal)


def write_splits(out):
    split = pre_tokenizers.BertPreTokenizer()
    words = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    words.add_tokens([AddedToken("zq", single_word=True, normalized=False)])
    flags = bytearray(0x110000)
    for c in POINTS:
        pieces = [text for text, _ in split.pre_tokenize_str(f"a{chr(c)}b")]
        flags[c] = 1 if len(pieces) == 3 else 2 if len(pieces) == 2 else 0
    for c, encoding in zip(POINTS, words.encode_batch(["zq" + chr(c) for c in POINTS])):
        flags[c] |= 0 if encoding.ids[0] == 1 else 4
    open(os.path.join(out, "splits.bin"), "wb").write(flags)


def main():
    out, source, wordnet, shared = sys.argv[1:5]
    os.makedirs(out, exist_ok=True)
    for name in os.listdir(out):
        if name.endswith(".bin"):
            os.remove(os.path.join(out, name))
    tokenizers = models_of(out, source)
    gloss, lines, edges, noise = glosses(wordnet, 20000), shared_lines(shared), edge_cases(), fuzz(6000, 1)
    draw = random.Random(2)
    pairs = [(draw.choice(gloss), draw.choice(gloss)) for _ in range(400)] + [("", "x"), ("x", ""), ("", ""), ("a b", "c d")]
    pairs += [(draw.choice(noise), draw.choice(edges)) for _ in range(200)]
    for name, tokenizer in tokenizers.items():
        def path(part):
            return os.path.join(out, f"{name}.{part}.bin")

        tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
        write_cases(path("edge"), tokenizer, edges + noise)
        write_decoded(path("decode"), tokenizer, edges + noise[:1500] + gloss[:300])
        lengths = (3, 4, 5, 6, 7, 8, 16, 31, 64, 128, None) if name != "bare" else (1, 2, 7, 64, None)
        write_cases(path("pairs"), tokenizer, [a for a, _ in pairs[:150]], pairs, lengths)
        if name in ("uncased", "uncased_vocab", "cased"):
            write_cases(path("glosses"), tokenizer, gloss)
            if lines:
                write_cases(path("shared"), tokenizer, lines)
    write_normalized(out, edges + noise)
    write_splits(out)


if __name__ == "__main__":
    main()
