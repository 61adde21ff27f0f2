"""Writes what the `tokenizers` package makes of many texts with byte-level BPE, for bpe_parity_test.cpp.

usage: bpe_reference.py OUT WORDNET SHARED_DATA
  WORDNET      folder of WordNet's data.* files: a vocabulary is trained on its glosses
  SHARED_DATA  with gpt2-tokenizer/, GPT-2's own files, the models gpt2* and roberta are made too; may be missing

OUT/<model>/           tokenizer.json; or vocab.json, merges.txt and their kin, read here by transformers
OUT/<model>.<set>.bin  cases as tokenizer_reference.py has them
OUT/<model>.decode.bin ids, i32 skip_special, text
OUT/classes.bin        one byte a code point: 1 \\p{L}, 2 \\p{N}, 3 neither, 4 whitespace; 0 a surrogate
OUT/models.txt         the models' names, one a line
"""

import json
import os
import random
import shutil
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from tokenizer_reference import POINTS, Writer, edge_cases, glosses, shared_lines, write_cases, write_decoded

END = "<|endoftext|>"


def flags(content, **changes):
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"content": content, **plain, **changes}


def numbered(vocab, tokens):
    """The tokens with their ids: those of the vocabulary, else the next ones after it."""
    ids = dict(vocab)
    return [{"id": ids.setdefault(token["content"], len(ids)), **token} for token in tokens]


def byte_level(**changes):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True, **changes}


def bpe(vocab, merges, **changes):
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
             "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocab, "merges": merges}
    return {**model, **changes}


def whole(model, added=(), pre=None, post=None):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": list(added), "normalizer": None,
            "pre_tokenizer": pre or byte_level(), "post_processor": post, "decoder": byte_level(), "model": model}


def roberta_processing(cls, sep):
    return {"type": "RobertaProcessing", "sep": ["</s>", sep], "cls": ["<s>", cls], "trim_offsets": True,
            "add_prefix_space": False}


def train(texts, size):
    """A vocabulary of all bytes and what is frequent, and its merges as pairs."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
                                  show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def roberta_vocab(vocab):
    """<s> <pad> </s> <unk>, the tokens, <mask>; without END."""
    ids = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    for token in sorted((t for t in vocab if t != END), key=vocab.get):
        ids[token] = len(ids)
    ids["<mask>"] = len(ids)
    return ids


class Models:
    """Model folders and the reference tokenizer of each, by name."""

    def __init__(self, out):
        self.out, self.made = out, {}
        self.no_types = set()  # read by a class that gives no type ids

    def folder(self, name):
        path = os.path.join(self.out, name)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path

    def add_json(self, name, data):
        path = os.path.join(self.folder(name), "tokenizer.json")
        with open(path, "w") as file:
            json.dump(data, file)
        self.made[name] = Tokenizer.from_file(path)

    def add_files(self, name, vocab, merges, model_type, version=True, **files):
        """vocab.json and merges.txt, with `files` as JSON beside them."""
        path = self.folder(name)
        files = {"vocab": vocab, "config": {"model_type": model_type}, **files}
        for part, content in files.items():
            with open(os.path.join(path, part + ".json"), "w") as file:
                json.dump(content, file)
        with open(os.path.join(path, "merges.txt"), "w", encoding="utf-8", newline="") as file:
            file.write("#version: 0.2\n" * version + "".join(f"{a} {b}\n" for a, b in merges))
        try:
            from transformers import GPT2Tokenizer, RobertaTokenizer
        except ImportError:
            shutil.rmtree(path)
            return
        read = RobertaTokenizer if model_type == "roberta" else GPT2Tokenizer
        self.made[name] = read.from_pretrained(path).backend_tokenizer
        self.no_types.add(name)


def add_small_json(out, vocab, merges):
    size = len(vocab)
    end = numbered(vocab, [flags(END)])
    legacy = [f"{a} {b}" for a, b in merges]
    out.add_json("small", whole(bpe(vocab, merges), end))
    ids = roberta_vocab(vocab)
    special = [flags(t) for t in ("<s>", "<pad>", "</s>", "<unk>")] + [flags("<mask>", lstrip=True)]
    out.add_json("small_roberta", whole(bpe(ids, legacy, unk_token="<unk>"), numbered(ids, special), post=roberta_processing(0, 2)))
    added = numbered(vocab, [
        flags(END), flags("<ent>", lstrip=True), flags("<end>", rstrip=True, special=False),
        flags("wn", single_word=True, special=False), flags("<ent>x"), flags("New York", normalized=True, special=False),
        flags("élan", normalized=True), flags("synset", normalized=True, single_word=True), flags("世界", special=False),
        flags("<both>", lstrip=True, rstrip=True), flags("  "), flags("Ġthe"), flags("世")])
    out.add_json("small_added", whole(bpe(vocab, merges, ignore_merges=False), added, post=byte_level()))
    out.add_json("small_prefix", whole(bpe(vocab, legacy), added, pre=byte_level(add_prefix_space=True)))
    out.add_json("small_no_regex", whole(bpe(vocab, merges), added, pre=byte_level(use_regex=False)))
    template = {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": END, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"SpecialToken": {"id": END, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                         {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": END, "type_id": 1}}],
                "special_tokens": {END: {"id": END, "ids": [size], "tokens": [END]}}}
    out.add_json("small_sequence", whole(bpe(vocab, merges), end, post={"type": "Sequence", "processors": [
        byte_level(), template]}))
    add_lacking(out, vocab, merges)


def add_lacking(out, vocab, merges):
    """Vocabularies without some bytes, and one with words that no merge reaches."""
    gone = set("qzQZ!Ġĉ") | {t for t in vocab if len(t) == 1 and ord(t) in range(0x80, 0xD0)}
    fewer = {t: i for t, i in vocab.items() if not gone & set(t)}
    left = [(a, b) for a, b in merges if a in fewer and b in fewer and a + b in fewer]
    fewer = {**fewer, "<u>": len(vocab), "<u>e": len(vocab) + 1}
    left.insert(3, ("<u>", "e"))
    out.add_json("small_unknown", whole(bpe(fewer, left, unk_token="<u>")))
    out.add_json("small_fused", whole(bpe(fewer, left, unk_token="<u>", fuse_unk=True)))
    out.add_json("small_dropped", whole(bpe(fewer, left)))
    out.add_json("small_ignore", whole(bpe(vocab, merges[: len(merges) // 2], ignore_merges=True)))
    out.add_json("small_half", whole(bpe(vocab, merges[: len(merges) // 2] + merges[:40])))


def add_small_files(out, vocab, merges):
    size = len(vocab)
    out.add_files("files_gpt2", {**vocab, END: size}, merges, "gpt2")
    out.add_files("files_gpt2_bare", vocab, merges, "gpt2", version=False)
    out.add_files("files_gpt2_config", {**vocab, END: size}, merges, "gpt2", tokenizer_config={
        "add_prefix_space": True, "add_bos_token": True, "pad_token": "<pad>", "unk_token": None,
        "additional_special_tokens": ["<ent>"], "tokenizer_class": "GPT2Tokenizer", "model_max_length": 1024})
    out.add_files("files_gpt2_eos", {**vocab, END: size}, merges, "gpt2", tokenizer_config={"add_eos_token": True}, added_tokens={
        "<ent>": size + 1, "<end>": size + 2}, special_tokens_map={"bos_token": END, "pad_token": "<ent>"})
    ids = roberta_vocab(vocab)
    mask = {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}
    out.add_files("files_roberta", ids, merges, "roberta")
    out.add_files("files_roberta_map", ids, merges, "roberta", special_tokens_map={"mask_token": mask, "bos_token": "<s>"})
    out.add_files("files_roberta_config", ids, merges, "roberta", tokenizer_config={
        "mask_token": {"__type": "AddedToken", **mask, "normalized": True}, "cls_token": "<cls>", "add_bos_token": True})
    decoder = {str(ids[t]): {**mask, "content": t, "lstrip": t == "<mask>", "special": True} for t in ("<s>", "</s>", "<mask>")}
    decoder[str(len(ids))] = {**mask, "content": "New York", "rstrip": True, "normalized": True, "special": False}
    out.add_files("files_roberta_decoder", ids, merges, "roberta", tokenizer_config={"added_tokens_decoder": decoder,
                  "mask_token": "<mask>"}, special_tokens_map={"mask_token": "<nothing>"})


def add_gpt2(out, source):
    """GPT-2's own vocabulary in both layouts, and the same tokens with RoBERTa's numbers."""
    with open(os.path.join(source, "tokenizer.json"), encoding="utf-8") as file:
        whole_file = json.load(file)
    vocab = whole_file["model"]["vocab"]
    merges = [tuple(line.split(" ")) for line in whole_file["model"]["merges"] if not line.startswith("#version")]
    out.add_json("gpt2", whole_file)
    out.add_files("gpt2_files", vocab, merges, "gpt2")
    ids = roberta_vocab(vocab)
    special = [flags(t, normalized=True) for t in ("<s>", "<pad>", "</s>", "<unk>")] + [flags("<mask>", lstrip=True)]
    out.add_json("roberta", whole(bpe(ids, merges), numbered(ids, special), post=roberta_processing(0, 2)))
    mask = {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}
    out.add_files("roberta_files", ids, merges, "roberta", special_tokens_map={"mask_token": mask})


def fuzz(count, seed):
    """Random strings of all planes, heavy on what the pattern looks at: spaces, apostrophes, digits, letters, marks."""
    draw = random.Random(seed)
    spaces = [0x20] * 6 + [9, 10, 11, 12, 13, 0x85, 0xA0, 0x1680, 0x2000, 0x2009, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
    digits = list(range(0x30, 0x3A)) + [0x663, 0x96B, 0xBF0, 0x2167, 0x3007, 0x00BD, 0x00B2, 0x2460, 0x1D7D8, 0x1F10C, 0x10D40,
                                        0x4E00, 0x12400]
    letters = list(range(0x41, 0x5B)) + list(range(0x61, 0x7B)) + [0xE9, 0x153, 0x3A3, 0x431, 0x5D0, 0x639, 0x915, 0xE01, 0x4E2D,
                                                                   0xAC00, 0x1F40, 0x1D400, 0x2EBF0, 0x1C89, 0x10D4A]
    marks = [0x300, 0x301, 0x323, 0x345, 0x3099, 0x93E, 0x94D, 0x200D, 0x200C, 0xFE0F, 0x20E3, 0xAD, 0x200B, 0xFEFF, 0x1F3FD, 0x1160]
    others = list(range(0x21, 0x30)) + list(range(0x3A, 0x41)) + [0x2019, 0x2026, 0x20AC, 0x1F600, 0x1F468, 0x1F1E9, 0xFFFD, 0xE000]
    alphabets = [spaces, spaces, digits, letters, letters, marks, others, list(range(0x20)) + [0x7F, 0x80, 0x9F], POINTS, POINTS]
    words = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'RE", "''s", " 's", "'", "\u2019s", "don't", "we'll've", "x'd", "1's",
             END, " " + END, "<mask>", "  <mask>", "<s>", "</s>", "<ent>", "<end>", "<both>", "<ent>x", "wn", "New York", "élan", "synset",
             "世", "世界", "  ", "the", " the", "Ġthe", "👩\u200d👧", "👍🏽", "1\ufe0f\u20e3", "q", "zz", "é", "<u>"]
    texts = []
    for _ in range(count):
        text = []
        for _ in range(draw.randrange(1, 10)):
            if draw.random() < 0.3:
                text.append(draw.choice(words))
            else:
                alphabet = draw.choice(alphabets)
                text.append("".join(chr(draw.choice(alphabet)) for _ in range(draw.randrange(1, 6))))
        texts.append("".join(text))
    return texts


def long_words():
    draw = random.Random(5)
    return ["a" * 300, "ab" * 200, "".join(draw.choice("abcdestin") for _ in range(2000)), "é" * 100, "1234567890" * 30, " " * 200,
            "\n \t" * 90 + "x", "=" * 500, "the" * 60, "internationalization" * 20, "\u4e2d\u6587" * 80]


def write_classes(path):
    split = pre_tokenizers.ByteLevel(add_prefix_space=False)
    classes = bytearray(0x110000)
    for c in POINTS:
        joins = [len(split.pre_tokenize_str(before + chr(c))) == 1 for before in "a1!"]
        classes[c] = joins.index(True) + 1 if any(joins) else 4
    open(path, "wb").write(classes)


def write_sets(out, models, texts):
    gloss, lines, edges, noise = texts
    draw = random.Random(2)
    pairs = [(draw.choice(gloss), draw.choice(gloss)) for _ in range(120)] + [("", "x"), ("x", ""), ("", ""), ("a b", "c d")]
    pairs += [(draw.choice(noise), draw.choice(edges)) for _ in range(80)]
    for name, tokenizer in models.made.items():
        def path(part):
            return os.path.join(out, f"{name}.{part}.bin")

        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.decoder = decoders.ByteLevel()
        write_cases(path("edge"), tokenizer, edges + noise)
        write_cases(path("pairs"), tokenizer, [a for a, _ in pairs[:60]], pairs, (4, 5, 6, 7, 8, 16, 31, 64, 128, None),
                    name not in models.no_types)
        write_decoded(path("decode"), tokenizer, edges + noise[:1000] + gloss[:200])
        if name in ("small", "small_roberta", "files_roberta", "gpt2", "roberta_files"):
            write_cases(path("glosses"), tokenizer, gloss)
        if lines and name in ("small", "gpt2", "gpt2_files", "roberta", "roberta_files"):
            write_cases(path("shared"), tokenizer, lines)


def main():
    out, wordnet, shared = sys.argv[1:4]
    os.makedirs(out, exist_ok=True)
    for name in os.listdir(out):
        if name.endswith((".bin", ".txt")):
            os.remove(os.path.join(out, name))
    gloss = glosses(wordnet, 20000)
    made = Models(out)
    vocab, merges = train(gloss, 3000)
    add_small_json(made, vocab, merges)
    add_small_files(made, vocab, merges)
    if os.path.exists(os.path.join(shared, "gpt2-tokenizer", "tokenizer.json")):
        add_gpt2(made, os.path.join(shared, "gpt2-tokenizer"))
    write_sets(out, made, (gloss, shared_lines(shared), edge_cases() + long_words(), fuzz(6000, 3)))
    write_classes(os.path.join(out, "classes.bin"))
    with open(os.path.join(out, "models.txt"), "w") as file:
        file.write("".join(name + "\n" for name in made.made))


if __name__ == "__main__":
    main()
