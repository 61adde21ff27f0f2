"""Writes what AutoTokenizer of transformers makes of model folders whose files differ, for tokenizer_config_parity_test.cpp.

usage: config_reference.py OUT

OUT/<n>/         a folder: tokenizer.json, or vocab.txt, or vocab.json and merges.txt, and the files that go with them
OUT/<n>.bin      cases as tokenizer_reference.py has them; type ids are 0 where the class gives none
OUT/count.txt    the number of folders, written last
"""

import itertools
import json
import os
import random
import shutil
import sys
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

from tokenizer_reference import Writer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "the cat Cat CAT café Café cafe naive naïve Ünder under 中 文 . , ! ? ' - a b c d e f".split()
PIECES = SPECIAL + WORDS + ["##" + c for c in "abcdefgstéÉ"] + list("ghstCÉé") + ["##the", "[", "]", "mask", "unused", "<m>"]
END = "<|endoftext|>"
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>"]


def alphabet():
    """GPT-2's character of each byte."""
    kept = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    gone = [b for b in range(256) if b not in kept]
    return {**{b: chr(b) for b in kept}, **{b: chr(0x100 + i) for i, b in enumerate(gone)}}


MERGES = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("c", "a"), ("ca", "t"), ("Ġ", "cat"), ("Ġ", "a"), ("1", "2"), ("Ã", "©")]


def bpe_vocab(family):
    tokens = (ROBERTA if family == "roberta" else []) + list(alphabet().values()) + [a + b for a, b in MERGES]
    tokens += ["<mask>"] if family == "roberta" else [END]
    return {token: i for i, token in enumerate(tokens)}


def added(vocab, tokens, **flags):
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return [{"id": vocab[t], "content": t, **plain, **flags} for t in tokens]


def bert_json(**normalizer):
    vocab = {t: i for i, t in enumerate(dict.fromkeys(PIECES))}

    def piece(token, kind, type_id):
        return {kind: {"id": token, "type_id": type_id}}

    single = [piece("[CLS]", "SpecialToken", 0), piece("A", "Sequence", 0), piece("[SEP]", "SpecialToken", 0)]
    post = {"type": "TemplateProcessing", "single": single,
            "pair": single + [piece("B", "Sequence", 1), piece("[SEP]", "SpecialToken", 1)],
            "special_tokens": {t: {"id": t, "ids": [vocab[t]], "tokens": [t]} for t in ("[CLS]", "[SEP]")}}
    whole = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
             "lowercase": True, **normalizer}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added(vocab, SPECIAL),
            "normalizer": whole, "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": post,
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": vocab}}


def bpe_json(family, **pre):
    vocab = bpe_vocab(family)
    part = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    post = part
    tokens = added(vocab, [END]) if family == "gpt2" else added(vocab, ROBERTA) + added(vocab, ["<mask>"], lstrip=True)
    if family == "roberta":
        post = {"type": "RobertaProcessing", "sep": ["</s>", vocab["</s>"]], "cls": ["<s>", vocab["<s>"]],
                "trim_offsets": True, "add_prefix_space": False}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens, "normalizer": None,
            "pre_tokenizer": {**part, **pre}, "post_processor": post, "decoder": part,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocab,
                      "merges": [f"{a} {b}" for a, b in MERGES]}}


def settings(draw, choices):
    """Each key with one of its values, or without it."""
    drawn = {key: draw.choice([None, *values]) for key, values in choices.items()}
    return {key: value for key, value in drawn.items() if value is not None}


SIDES = {"truncation_side": ["left", "right"], "padding_side": ["left"], "split_special_tokens": [True, False]}
BERT = {"do_lower_case": [True, False], "strip_accents": [True, False], "tokenize_chinese_chars": [True, False], **SIDES}
BPE = {"add_prefix_space": [True, False], **SIDES}
INPUTS = [None, None, None, ["input_ids", "attention_mask"], ["input_ids", "token_type_ids", "attention_mask"]]


def with_class(draw, model_type, config, names):
    """The files that name a class: config.json always, tokenizer_config.json mostly."""
    name = draw.choice([None, *names])
    inputs = draw.choice(INPUTS)
    config = {**config, **({"tokenizer_class": name} if name else {}), **({"model_input_names": inputs} if inputs else {})}
    files = {"config": {"model_type": model_type}}
    return {**files, "tokenizer_config": config} if config or draw.random() < 0.5 else files


def cut_left(draw, whole):
    """At times a file that was saved with a truncation of its own."""
    if draw.random() < 0.25:
        whole["truncation"] = {"direction": draw.choice(["Left", "Right"]), "max_length": 6, "strategy": "LongestFirst", "stride": 0}
    return whole


def bert_folders(draw):
    names = ["BertTokenizer", "BertTokenizerFast", "PreTrainedTokenizerFast", "DistilBertTokenizer"]
    normalizers = [{}, {"lowercase": False}, {"strip_accents": False}, {"handle_chinese_chars": False, "lowercase": False},
                   {"clean_text": False}, {"strip_accents": True, "lowercase": False}]
    for normalizer, _ in itertools.product(normalizers, range(14)):
        whole = cut_left(draw, bert_json(**normalizer))
        files = with_class(draw, "bert", settings(draw, BERT), names)
        yield {"tokenizer": whole, **files}, None
    # Tokens that only the files beside tokenizer.json name.
    bare = {**bert_json(), "added_tokens": []}
    yield {"tokenizer": bare, "config": {"model_type": "bert"}}, None
    yield {"tokenizer": bert_json(), "config": {"model_type": "bert"},
           "tokenizer_config": {"additional_special_tokens": ["<m>", "<new>"], "image_token": "unused"}}, None
    yield {"tokenizer": bert_json(), "config": {"model_type": "bert"}, "special_tokens_map": {"mask_token": "<m>"}}, None
    yield from built_by_the_class()


def built_by_the_class():
    """What BertTokenizer builds by itself, though tokenizer.json says something else."""
    bert = {"config": {"model_type": "bert"}}
    whole = bert_json()
    flat = json.loads(json.dumps(whole["post_processor"]).replace('"type_id": 1', '"type_id": 0'))
    for post in (None, flat, {"type": "BertProcessing", "sep": ["cat", whole["model"]["vocab"]["cat"]], "cls": ["the", 6]}):
        for name in ("BertTokenizer", "PreTrainedTokenizerFast"):
            yield {"tokenizer": {**whole, "post_processor": post}, **bert, "tokenizer_config": {"tokenizer_class": name}}, None
    for roles in ({"cls_token": "a", "sep_token": "b"}, {"unk_token": "unused"}, {"cls_token": "<start>"}):
        for name in ("BertTokenizer", "PreTrainedTokenizerFast"):
            yield {"tokenizer": whole, **bert, "tokenizer_config": {"tokenizer_class": name, **roles}}, None
    model = {**whole["model"], "unk_token": "unused", "max_input_chars_per_word": 3, "continuing_subword_prefix": "##t"}
    for name in ("BertTokenizer", "PreTrainedTokenizerFast"):
        yield {"tokenizer": {**whole, "model": model}, **bert, "tokenizer_config": {"tokenizer_class": name}}, None
    # One token under two roles, or under a role and in a list: the last form counts.
    marked = {"content": "[MASK]", "lstrip": True, "rstrip": False, "normalized": False, "single_word": True, "__type": "AddedToken"}
    without = {**whole, "added_tokens": added(whole["model"]["vocab"], ["[PAD]", "[CLS]"])}
    for given in ({"cls_token": marked}, {"sep_token": marked, "mask_token": "<m>"}, {"mask_token": marked, "extra_special_tokens": ["b", "[MASK]"]}):
        yield {"tokenizer": without, **bert, "tokenizer_config": given}, None
    # One token in added_tokens.json and, with other flags, in tokenizer.json.
    new = {"id": len(whole["model"]["vocab"]), "content": "<new>", "single_word": True, "lstrip": True, "rstrip": False, "normalized": False, "special": False}
    yield {"tokenizer": {**whole, "added_tokens": [*whole["added_tokens"], new]}, **bert, "added_tokens": {"<new>": new["id"]}}, None
    # With an added_tokens_decoder the added tokens of tokenizer.json do not count.
    vocab = whole["model"]["vocab"]
    longer = {**whole, "added_tokens": whole["added_tokens"] + added({"cat": vocab["cat"], "<m>": vocab["<m>"]}, ["cat", "<m>"])}
    decoder = {str(vocab["[MASK]"]): {"content": "[MASK]", "lstrip": True, "special": True}}
    for name, given in itertools.product(("BertTokenizer", "PreTrainedTokenizerFast"), ({}, {"added_tokens_decoder": decoder})):
        yield {"tokenizer": longer, **bert, "tokenizer_config": {"tokenizer_class": name, **given}}, None


def other_classes():
    """Classes and model types that are another name of BERT's, RoBERTa's or GPT-2's tokenizer, and some that are not."""
    bert, lines = bert_json(), list(dict.fromkeys(PIECES))
    vocab, cased = {"vocab.txt": "\n".join(lines) + "\n"}, {"do_lower_case": False}
    for name in ("LayoutLMTokenizer", "LxmertTokenizer", "MobileBertTokenizer", "ConvBertTokenizer", "DistilBertTokenizer"):
        yield {"tokenizer": bert, "config": {"model_type": "bert"}, "tokenizer_config": {"tokenizer_class": name, **cased}}, None
        yield {"config": {"model_type": "bert"}, "tokenizer_config": {"tokenizer_class": name, **cased}}, vocab
    for name in ("Foo", "", "TokenizersBackend"):
        yield {"tokenizer": bert, "config": {"model_type": "bert"}, "tokenizer_config": {"tokenizer_class": name, **cased}}, None
    bpe = bpe_json("roberta", add_prefix_space=False, use_regex=True)
    for name in ("LEDTokenizer", "MvpTokenizer", "LongformerTokenizer", "CodeGenTokenizer"):
        yield {"tokenizer": bpe, "config": {"model_type": "roberta"}, "tokenizer_config": {"tokenizer_class": name, "add_prefix_space": True}}, None
    for kind in ("align", "bros", "convbert", "ernie", "layoutlm", "lxmert", "megatron-bert", "mobilebert", "nomic_bert", "visual_bert"):
        yield {"tokenizer": bert, "config": {"model_type": kind}}, None
        yield {"config": {"model_type": kind}}, vocab
    for kind in ("data2vec-text", "led", "lilt", "mvp", "roberta-prelayernorm", "codegen", "opt"):
        yield {"tokenizer": bpe, "config": {"model_type": kind}}, None
    # Spaces as a token that takes the spaces around it: a second match in the same spaces is empty.
    spaces = {"id": len(bert["model"]["vocab"]), "content": "  ", "single_word": False, "lstrip": True, "rstrip": True, "normalized": False, "special": False}
    yield {"tokenizer": {**bert, "added_tokens": [*bert["added_tokens"], spaces]}, "tokenizer_config": {"tokenizer_class": "PreTrainedTokenizerFast"}}, None
    untyped = {**bert, "model": {key: value for key, value in bert["model"].items() if key != "type"}}
    for name in ("BertTokenizer", "PreTrainedTokenizerFast"):
        yield {"tokenizer": untyped, "config": {"model_type": "bert"}, "tokenizer_config": {"tokenizer_class": name}}, None


def vocab_folders(draw):
    lines = list(dict.fromkeys(PIECES))
    texts = {"blank": lines + ["", "zebra", "", ""], "repeated": lines + ["cat", "the", "last"],
             "spaces": lines + ["zebra ", "yak\u3000", "emu\t"], "no_mask": [t for t in lines if t != "[MASK]"],
             "plain": lines}
    for (name, content), ends in itertools.product(texts.items(), ("\n", "\r\n")):
        for _ in range(3):
            files = with_class(draw, "bert", settings(draw, BERT), ["BertTokenizer", "BertTokenizerFast"])
            yield files, {"vocab.txt": ends.join(content) + ends}
    lstrip = {"content": "<m>", "lstrip": True, "rstrip": False, "normalized": True, "single_word": False}
    vocab = {"vocab.txt": "\n".join(lines) + "\n"}
    config = {"config": {"model_type": "bert"}}
    yield {**config, "special_tokens_map": {"mask_token": "<m>", "cls_token": "[CLS]", "additional_special_tokens": ["b"]}}, vocab
    yield {**config, "special_tokens_map": {"mask_token": lstrip, "extra_special_tokens": ["c", "<new>"]}}, vocab
    yield {**config, "tokenizer_config": {"extra_special_tokens": {"foo": "c"}, "additional_special_tokens": ["b"]}}, vocab
    yield {**config, "tokenizer_config": {"mask_token": "unused"}, "special_tokens_map": {"mask_token": "<m>"}}, vocab
    yield {**config, "tokenizer_config": {"never_split": ["cat"], "do_basic_tokenize": False, "image_token": "<new>"}}, vocab
    yield {**config, "added_tokens": {"<new>": len(lines), "<x>": len(lines) + 1}, "tokenizer_config": {"cls_token": "<x>"}}, vocab
    decoder = {str(lines.index("[MASK]")): {"content": "[MASK]", "lstrip": True, "special": True}}
    yield {**config, "tokenizer_config": {"added_tokens_decoder": decoder}, "special_tokens_map": {"mask_token": "<m>"}}, vocab
    for extra in ([], ["c"], {"foo": "c"}):  # beside additional ones, in either file
        both = {"additional_special_tokens": ["b"], "extra_special_tokens": extra}
        yield {**config, "tokenizer_config": both}, vocab
        yield {**config, "special_tokens_map": both}, vocab
        yield {**config, "tokenizer_config": both, "special_tokens_map": {"additional_special_tokens": ["d"]}}, vocab
        yield {**config, "tokenizer_config": {"extra_special_tokens": ["e", "d"]}, "special_tokens_map": both}, vocab
    yield from special_or_not(lines, vocab)
    yield from lists_in_two_files(lines, vocab)
    yield {"config": PYTHON_NUMBERS, "tokenizer_config": {"model_max_length": float("inf"), "do_lower_case": False}}, vocab
    twice = '{"do_lower_case": true, "x": NaN, "do_lower_case": false}'
    yield {}, {**vocab, "config.json": '{"model_type": "gpt2", "model_type": "bert"}', "tokenizer_config.json": twice}


PYTHON_NUMBERS = {"model_type": "bert", "bound": float("nan"), "least": float("-inf")}


def special_or_not(lines, vocab):
    """Tokens of added_tokens.json that another file names: as a role, in a list, as a name, as an object."""
    added_tokens = {"NEW": len(lines), "Other": len(lines) + 1}
    for token in ("NEW", {"content": "NEW", "__type": "AddedToken", "lstrip": False, "rstrip": False, "normalized": True, "single_word": False}):
        for key in ("mask_token", "image_token", "additional_special_tokens", "extra_special_tokens"):
            value = token if key.endswith("_token") else [token, "Other"]
            if key != "image_token" or token == "NEW":
                yield {"config": {"model_type": "bert"}, "added_tokens": added_tokens, "tokenizer_config": {key: value}}, vocab
            plain = {k: v for k, v in token.items() if k != "__type"} if isinstance(token, dict) else token
            if key != "additional_special_tokens" or plain == "NEW":
                value = plain if key.endswith("_token") else [plain, "Other"]
                yield {"config": {"model_type": "bert"}, "added_tokens": added_tokens, "special_tokens_map": {key: value}}, vocab


def lists_in_two_files(lines, vocab):
    """extra_special_tokens of every form in special_tokens_map.json, beside a list in tokenizer_config.json."""
    base = {"config": {"model_type": "bert"}, "added_tokens": {"NEW": len(lines), "Other": len(lines) + 1}}
    lists = ({"extra_special_tokens": ["NEW"]}, {"extra_special_tokens": ["NEW"], "additional_special_tokens": ["b"]},
             {"additional_special_tokens": ["NEW"]}, {"extra_special_tokens": None})
    for given, extra, additional in itertools.product(lists, (["Other"], {"foo": "Other"}, {}, None), ({}, {"additional_special_tokens": ["Other"]})):
        yield {**base, "tokenizer_config": given, "special_tokens_map": {"extra_special_tokens": extra, **additional}}, vocab
    for additional in ("Other", "d"):
        yield {**base, "tokenizer_config": lists[-1], "special_tokens_map": {"additional_special_tokens": [additional]}}, vocab


def bpe_folders(draw):
    for family, count in itertools.product(("gpt2", "roberta"), range(28)):
        pre = {"add_prefix_space": draw.random() < 0.5, "use_regex": draw.random() < 0.7}
        title = {"gpt2": "GPT2Tokenizer", "roberta": "RobertaTokenizer"}[family]
        files = with_class(draw, family, settings(draw, BPE), [title, title + "Fast", "PreTrainedTokenizerFast"])
        if count % 4:
            yield {"tokenizer": cut_left(draw, bpe_json(family, **pre)), **files}, None
        else:
            named = files.get("tokenizer_config", {}).get("tokenizer_class")
            if named == "PreTrainedTokenizerFast":
                continue
            merges = "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in MERGES)
            yield {"vocab": bpe_vocab(family), **files}, {"merges.txt": merges}


    yield from bpe_built_by_the_class()


def bpe_built_by_the_class():
    for family, name in (("gpt2", "GPT2Tokenizer"), ("roberta", "RobertaTokenizer")):
        whole = bpe_json(family)
        config = {"model_type": family}
        roberta = {"type": "RobertaProcessing", "sep": ["a", whole["model"]["vocab"]["a"]], "cls": ["b", whole["model"]["vocab"]["b"]],
                   "trim_offsets": True, "add_prefix_space": False}
        fewer = {t: i for t, i in whole["model"]["vocab"].items() if t != "x"}
        model = {**whole["model"], "vocab": fewer, "unk_token": "a", "fuse_unk": True}
        whole_words = {**whole["model"], "ignore_merges": True, "vocab": {**whole["model"]["vocab"], "cats": 400}}
        decoder = {str(whole["model"]["vocab"]["a"]): {"content": "a", "special": True}}
        for tokenizer in ({"post_processor": None}, {"post_processor": roberta}, {"model": model}, {"model": whole_words}):
            for title in (name, "PreTrainedTokenizerFast"):
                yield {"tokenizer": {**whole, **tokenizer}, "config": config, "tokenizer_config": {"tokenizer_class": title}}, None
        for given in ({"add_bos_token": True, "add_eos_token": True, "bos_token": "a"}, {"cls_token": "c", "sep_token": "d"}, {"added_tokens_decoder": decoder}):
            for title in (name, "PreTrainedTokenizerFast"):
                yield {"tokenizer": whole, "config": config, "tokenizer_config": {"tokenizer_class": title, **given}}, None


def texts_of(draw):
    parts = WORDS + ["The", "the cat", "CAFÉ", "ÜNDER", "naïveté", "中文", "日本", "[MASK]", "[mask]", " [MASK] ", "[PAD]", "<m>", "  <m>",
                     "<new>", "<x>", "<mask>", "  <mask>", "<s>", END, "zebra", "yak", "emu", "last", "x", "y", "unused", "  ", "\t",
                     "\u00a0", "\u0001", "\u200b", "e\u0301", "İ", "ß", "12", "'s", "…", "a" * 120, "NEW", "new", "Other", "other", "cats", "xx"]
    texts = ["", " ", "x    y", "x       y", "the cat", " the cat", "The Café", "the [MASK] cat", "\u0001", "<mask> the"]
    return texts + ["".join(draw.choice([" ", ""]) + draw.choice(parts) for _ in range(draw.randrange(1, 9))) for _ in range(40)]


def write_folder(path, files, texts):
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    for name, content in files.items():
        with open(os.path.join(path, name + ".json"), "w", encoding="utf-8") as file:
            json.dump(content, file)
    for name, content in (texts or {}).items():
        with open(os.path.join(path, name), "w", encoding="utf-8", newline="") as file:
            file.write(content)


def write_cases(path, tokenizer, draw):
    writer = Writer(path)
    texts = texts_of(draw)
    pairs = [(draw.choice(texts), draw.choice(texts)) for _ in range(24)]

    def write(a, b, length):
        cut = {"truncation": "longest_first", "max_length": length} if length else {}
        made = tokenizer(list(a), list(b), **cut) if b else tokenizer(list(a), **cut)
        for i, ids in enumerate(made["input_ids"]):
            writer.i32(length or -1)
            writer.text(a[i])
            writer.i32(int(b is not None))
            writer.text(b[i] if b else "")
            writer.array(ids)
            writer.array(made["token_type_ids"][i] if "token_type_ids" in made else [0] * len(ids))

    for length in (None, 6, 9):
        write(texts, None, length)
        write([a for a, _ in pairs], [b for _, b in pairs], length)


def main():
    warnings.filterwarnings("ignore")
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        print("skipped:", error)
        return 77
    out = sys.argv[1]
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    draw = random.Random(11)
    folders = [*bert_folders(draw), *vocab_folders(draw), *bpe_folders(draw), *other_classes()]
    for number, (files, texts) in enumerate(folders):
        path = os.path.join(out, str(number))
        write_folder(path, files, texts)
        write_cases(path + ".bin", AutoTokenizer.from_pretrained(path), draw)
    with open(os.path.join(out, "count.txt"), "w") as file:
        file.write(f"{len(folders)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
