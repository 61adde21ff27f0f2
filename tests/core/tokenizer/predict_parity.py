"""`filigree predict` against AutoTokenizer and AutoModel of transformers on folders whose tokenizers and models meet in odd ways.

usage: predict_parity.py FILIGREE
"""

import json
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import config_reference as files

TOLERANCE = 1e-5
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24,
         "max_position_embeddings": 40, "num_labels": 3}
TEXTS = ["the cat", "The Café", "cat . a b c d", "a", "the the the cat"]
PAIRS = [("the cat", "a cat"), ("a", "b c d"), ("the", "the cat the")]
LONG = [" ".join(["the cat a b"] * 15 + ["c d e f . the Café"]), "the"]


def folder_of(root, name, model, tokenizer_files, texts=None):
    path = os.path.join(root, name)
    files.write_folder(path, tokenizer_files, texts)
    model.eval().save_pretrained(path)
    return path


def bert(rows, **changes):
    from transformers import BertConfig, BertForSequenceClassification

    return BertForSequenceClassification(BertConfig(vocab_size=rows, **{**SIZES, **changes}))


def roberta(**changes):
    from transformers import RobertaConfig, RobertaForSequenceClassification

    return RobertaForSequenceClassification(RobertaConfig(vocab_size=len(files.bpe_vocab("roberta")), **{**SIZES, **changes}))


def backwards():
    """A template whose types go from 1 to 0. BertTokenizer does not take it, other classes do."""
    whole = files.bert_json()
    for piece in whole["post_processor"]["pair"]:
        body = next(iter(piece.values()))
        body["type_id"] = 1 - body["type_id"]
    return whole


def types_of_b(whole):
    """RoBERTa's template, written out, with type 1 for the second text."""
    pieces = [("SpecialToken", "<s>", 0), ("Sequence", "A", 0), ("SpecialToken", "</s>", 0), ("SpecialToken", "</s>", 0),
              ("Sequence", "B", 1), ("SpecialToken", "</s>", 1)]
    made = [{kind: {"id": name, "type_id": type_id}} for kind, name, type_id in pieces]
    ids = whole["model"]["vocab"]
    whole["post_processor"] = {"type": "TemplateProcessing", "single": made[:3], "pair": made,
                               "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]} for t in ("<s>", "</s>")}}
    return whole


def encoded(path, text):
    from transformers import AutoTokenizer

    pair = text if isinstance(text, tuple) else (text, None)
    return AutoTokenizer.from_pretrained(path)(*pair, truncation=True, max_length=SIZES["max_position_embeddings"] - 2,
                                               return_tensors="pt")


def predicted(program, path, texts):
    lines = ["\t".join(text) if isinstance(text, tuple) else text for text in texts]
    name = os.path.join(path, "input.txt")
    with open(name, "w", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))
    done = subprocess.run([program, "predict", path, "--input", name], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (path, done.stderr)
    return [json.loads(line)["logits"] for line in done.stdout.splitlines()]


def compare(program, path, texts):
    import torch
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(path).eval()
    with torch.no_grad():
        wanted = [model(**encoded(path, text)).logits[0] for text in texts]
    for text, got, want in zip(texts, predicted(program, path, texts), wanted, strict=True):
        worst = (torch.tensor(got) - want).abs().max().item()
        assert worst < TOLERANCE, (path, text, got, want.tolist())


def folders(root):
    size = len(files.bert_json()["model"]["vocab"])
    lines = list(files.bert_json()["model"]["vocab"])
    left = {"tokenizer_config": {"tokenizer_class": "BertTokenizer", "truncation_side": "left"}}
    generic = {"tokenizer_config": {"tokenizer_class": "PreTrainedTokenizerFast"}}
    typed = {"tokenizer_config": {"tokenizer_class": "PreTrainedTokenizerFast",
                                  "model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}}
    positions = {"max_position_embeddings": SIZES["max_position_embeddings"] - 2}
    yield folder_of(root, "plain", bert(size), {"tokenizer": files.bert_json()}), TEXTS + PAIRS
    yield folder_of(root, "backwards", bert(size), {"tokenizer": backwards()}), PAIRS
    yield folder_of(root, "backwards_file", bert(size), {"tokenizer": backwards(), **typed}), PAIRS
    yield folder_of(root, "left", bert(size, **positions), {"tokenizer": files.bert_json(), **left}), TEXTS + PAIRS + LONG
    yield folder_of(root, "no_types", bert(size, type_vocab_size=1), {"tokenizer": files.bert_json(), **generic}), TEXTS + PAIRS
    yield folder_of(root, "fewer_rows", bert(size), {}, {"vocab.txt": "\n".join([*lines, "", "zebra"]) + "\n"}), TEXTS + PAIRS
    roberta_json = types_of_b(files.bpe_json("roberta"))
    yield folder_of(root, "roberta", roberta(type_vocab_size=1), {"tokenizer": roberta_json}), TEXTS + PAIRS


def main():
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError as error:
        print("skipped:", error)
        return 77
    torch.manual_seed(3)
    with tempfile.TemporaryDirectory() as root:
        for path, texts in folders(root):
            compare(sys.argv[1], path, texts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
