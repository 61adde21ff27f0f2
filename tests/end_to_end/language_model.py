"""A small GPT-2 from random weights on glosses beats the unigram model, DSEE adapts it to contexts and references, and what
it generates is measured; on 1 and 2 ranks the same.

usage: language_model.py                      the test
       language_model.py baselines MODEL      perplexity of the unigram and bigram models on WordNet's dev glosses
"""
import collections
import json
import math
import os
import sys

from runs import MODELS, Folder, expect, losses, relative, run

TRAIN = """
name: pretrain
seed: 7
model: {path: "${FILIGREE_MODELS}/gpt2-tiny", task: causal_lm, init: random}
data: {format: text, dir: "DATA", max_length: 64, pack: true}
parallel: {precision: fp32, device: cpu, timeout: 120}
stages:
  - name: pretrain
    method: {name: full}
    train: {max_steps: 50, batch_size: 8, lr: 1e-3, warmup: 0.1}
log_every: 1
"""
ADAPT = """
name: adapt
seed: 7
model: {path: "BACKBONE", task: causal_lm}
data: {format: e2e, dir: "DATA", max_length: 48}
parallel: {precision: fp32, device: cpu, timeout: 120}
stages:
  - name: adapt
    method: {name: dsee, rank: 8, num_sparse: 16, targets: [query, value], support: grebsmo}
    train: {max_steps: 30, batch_size: 8, lr: 5e-3, warmup: 0.1, label_smoothing: 0.1}
  - name: prune
    prune: {structure: [heads, ffn], heads: 0.25, ffn: 0.4, score: taylor, batches: 4}
  - name: recover
    train: {max_steps: 15, batch_size: 8, lr: 3e-3}
eval: {generate: {beams: 3, max_new_tokens: 16, length_penalty: 0.8, no_repeat_ngram: 4}}
log_every: 1
"""


def glosses():
    rows = []
    for name in ("noun", "verb", "adj", "adv"):
        with open(f"/usr/share/wordnet/data.{name}", encoding="utf-8") as lines:
            for line in lines:
                if not line.startswith("  "):
                    rows.append((line.split()[4].replace("_", " "), line.split(" | ", 1)[1].strip().replace("\t", " ")))
    return rows


def ids_of(model, path):
    """Each line's tokens and the end of the text."""
    end = json.load(open(f"{model}/config.json"))["eos_token_id"]
    out, _ = run(1, "tokenize", model, "--input", path)
    return [json.loads(line)["ids"] + [end] for line in out.splitlines()]


def perplexities(train, dev, vocabulary):
    """Unigram with add-one counts; bigram interpolated with it, the share chosen on the dev texts, which favours it."""
    unigram = collections.Counter(token for text in train for token in text)
    bigram = collections.Counter(pair for text in train for pair in zip(text, text[1:]))
    first = collections.Counter(token for text in train for token in text[:-1])
    total = sum(unigram.values())
    p_uni = lambda token: (unigram[token] + 1) / (total + vocabulary)
    pairs = [pair for text in dev for pair in zip(text, text[1:])]
    uni = -sum(math.log(p_uni(b)) for _, b in pairs) / len(pairs)
    bi = min(-sum(math.log(share * (bigram[a, b] / first[a] if first[a] else 0) + (1 - share) * p_uni(b))
                  for a, b in pairs) / len(pairs) for share in (0.5, 0.6, 0.7, 0.8, 0.9))
    return math.exp(uni), math.exp(bi)


def write(folder, name, lines):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as out:
        out.write("".join(line + "\n" for line in lines))
    return path


def wordnet_split():
    """(split, gloss) of every synset, drawn as core/data/formats/wordnet.h says."""
    mask = (1 << 64) - 1

    def mix(z):
        z = (z + 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    def combine(a, b):
        return mix(a ^ ((b + 0x632BE59BD9B4E019 + (a << 6) + (a >> 2)) & mask))

    def hashed(text):
        value = 0xCBF29CE484222325
        for byte in text.encode():
            value = ((value ^ byte) * 0x100000001B3) & mask
        return value

    base = combine(mix(0), hashed("wordnet split"))
    for letter, name in zip("nvar", ("noun", "verb", "adj", "adv")):
        with open(f"/usr/share/wordnet/data.{name}", encoding="utf-8") as lines:
            for line in lines:
                if not line.startswith("  "):
                    draw = (mix(combine(base, hashed(f"{letter}:{line[:8]}"))) >> 11) * 2.0**-53
                    yield "train" if draw < 0.90 else "dev" if draw < 0.95 else "test", line.split(" | ", 1)[1].strip()


def report_baselines(model):
    """On the split that data.format: wordnet makes."""
    with Folder() as folder:
        split = {"train": [], "dev": []}
        for key, part in wordnet_split():
            if key in split:
                split[key].append(part)
        ids = {key: ids_of(model, write(folder, key, rows)) for key, rows in split.items()}
        uni, bi = perplexities(ids["train"], ids["dev"], json.load(open(f"{model}/config.json"))["vocab_size"])
        print(f"dev: {len(ids['dev'])} glosses, unigram perplexity {uni:.1f}, bigram {bi:.1f}")


def test():
    rows = glosses()[::29]
    model = f"{MODELS}/gpt2-tiny"
    if not os.path.exists(f"{model}/tokenizer.json"):
        sys.exit(f"{model} is absent; launch/setup.sh makes it")
    with Folder() as folder:
        texts = [gloss for _, gloss in rows]
        dev = write(folder, "dev.txt", texts[::10])
        train = write(folder, "train.txt", [text for i, text in enumerate(texts) if i % 10])
        unigram, _ = perplexities(ids_of(model, train), ids_of(model, dev), 4096)
        recipe = write(folder, "pretrain.yaml", [TRAIN.replace("DATA", folder)])
        for ranks in (1, 2):
            run(ranks, "train", recipe, "--out", f"{folder}/n{ranks}")
        difference = relative(losses(f"{folder}/n1", "pretrain"), losses(f"{folder}/n2", "pretrain"))
        print(f"pretraining on 2 ranks against 1: relative difference of the losses {difference:.1e}")
        first = relative(losses(f"{folder}/n1", "pretrain")[:5], losses(f"{folder}/n2", "pretrain")[:5])
        expect(first <= 5e-6 and difference <= 1e-4, "the ranks change the pretraining")
        found = json.loads(run(1, "eval", f"{folder}/n1/final", "--data", recipe)[0])
        print(f"perplexity {found['perplexity']:.0f} after 50 steps, unigram {unigram:.0f}")
        expect(found["perplexity"] < unigram, "50 steps do not beat the unigram model")
        expect(abs(found["perplexity"] - math.exp(found["loss"])) < 1e-3, "perplexity is not exp(loss)")

        write(folder, "train.txt", [f"{word}||{gloss.split(';')[0]}" for i, (word, gloss) in enumerate(rows) if i % 10])
        write(folder, "dev.txt", [f"{word}||{gloss.split(';')[0]}" for word, gloss in rows[::160]])
        recipe = write(folder, "adapt.yaml", [ADAPT.replace("DATA", folder).replace("BACKBONE", f"{folder}/n1/final")])
        for ranks in (1, 2):
            run(ranks, "train", recipe, "--out", f"{folder}/a{ranks}")
        difference = relative(losses(f"{folder}/a1", "recover"), losses(f"{folder}/a2", "recover"))
        print(f"adapted, pruned and recovered on 2 ranks against 1: {difference:.1e}")
        expect(difference <= 1e-4, "the ranks change the adaptation")
        figures = [run(ranks, "eval", f"{folder}/a1/final", "--data", recipe)[0] for ranks in (1, 2)]
        print(figures[0].strip())
        one, two = (json.loads(text) for text in figures)
        expect(all(one[name] == two[name] for name in ("bleu", "nist", "rouge_l", "cider")), f"on 2 ranks: {figures[1]}")
        prompts = write(folder, "prompts", ["dog", "", "a red house"])
        texts = [run(ranks, "generate", f"{folder}/a1/final", "--input", prompts, "--beams", "3", "--tensor", tensor)[0]
                 for ranks, tensor in ((1, "1"), (2, "1"), (2, "2"))]
        print(texts[0])
        expect(texts[0] == texts[1] == texts[2] and texts[0].count("\n") == 3, f"ranks change the texts: {texts}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["baselines"]:
        report_baselines(sys.argv[2])
    else:
        test()
