"""NIST, ROUGE-L, CIDEr-D and the caption tokens once more, straight from the papers' formulas and the rules of caption.cpp."""
import math
import re
from collections import Counter
from functools import lru_cache

import numpy as np
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

tokenizer_13a = Tokenizer13a()


def tokens_13a(text):
    return tokenizer_13a(text.rstrip()).split()


def ngrams(tokens, n):
    return [tuple(tokens[i:i + n]) for i in range(len(tokens) - n + 1)]


def nist(samples):
    samples = [(tokens_13a(h.lower()), [tokens_13a(r.lower()) for r in refs]) for h, refs in samples]
    everything = [r for _, refs in samples for r in refs]
    seen = Counter(g for r in everything for n in range(1, 6) for g in ngrams(r, n))
    seen[()] = sum(map(len, everything))
    total = 0
    for n in range(1, 6):
        information, attempts = 0, 0
        for h, refs in samples:
            attempts += len(ngrams(h, n))
            clip = Counter()
            for r in refs:
                clip |= Counter(ngrams(r, n))
            for g, times in (Counter(ngrams(h, n)) & clip).items():
                information += times * math.log2(seen[g[:-1]] / seen[g])
        total += information / attempts if attempts else 0
    length = sum(len(h) for h, _ in samples)
    expected = sum(np.mean([len(r) for r in refs]) for _, refs in samples)
    ratio = min(1, length / expected) if expected else 1
    penalty = 0.5 ** ((math.log(ratio) / math.log(1.5)) ** 2) if ratio else 0
    return float(total * penalty)


def common_subsequence(a, b):
    @lru_cache(maxsize=None)
    def length(i, j):
        if i == len(a) or j == len(b):
            return 0
        return 1 + length(i + 1, j + 1) if a[i] == b[j] else max(length(i + 1, j), length(i, j + 1))

    return length(0, 0)


def rouge_l(samples, split):
    scores = []
    for h, refs in samples:
        h, refs = split(h), [split(r) for r in refs]
        common = [common_subsequence(tuple(h), tuple(r)) for r in refs]
        if not any(common):
            scores.append(0)
            continue
        precision = max(common) / len(h)
        recall = max(c / len(r) for c, r in zip(common, refs) if r)
        scores.append((1 + 1.2**2) * precision * recall / (recall + 1.2**2 * precision))
    return float(np.mean(scores))


def cider(samples, split):
    """With dense vectors over all n-grams of an order."""
    samples = [(split(h), [split(r) for r in refs]) for h, refs in samples]
    scores = np.zeros(len(samples))
    for n in range(1, 5):
        names = sorted({g for h, refs in samples for text in [h, *refs] for g in ngrams(text, n)})
        place = {g: i for i, g in enumerate(names)}
        frequency = np.zeros(len(names))
        for _, refs in samples:
            frequency[[place[g] for g in {g for r in refs for g in ngrams(r, n)}]] += 1
        weight = np.log(len(samples) / np.maximum(frequency, 1))

        def vector(text):
            counts = np.zeros(len(names))
            for g in ngrams(text, n):
                counts[place[g]] += 1
            return counts * weight

        for i, (h, refs) in enumerate(samples):
            own = vector(h)
            for r in refs:
                other = vector(r)
                norms = np.linalg.norm(own) * np.linalg.norm(other)
                gap = max(len(h) - 1, 0) - max(len(r) - 1, 0)
                if norms:
                    cosine = np.minimum(own, other) @ other / norms
                    scores[i] += cosine * math.exp(-gap**2 / 72) / len(refs)
    return float(10 * np.mean(scores) / 4)


INSIDE = "[a-z0-9\u0080-\U0010ffff]"  # what a word is made of; white space is ASCII's by then
BRACKETS = {"(": "\ue010", ")": "\ue011", "[": "\ue012", "]": "\ue013", "{": "\ue014", "}": "\ue015"}
SHAPES = {"\ue010": "-lrb-", "\ue011": "-rrb-", "\ue012": "-lsb-", "\ue013": "-rsb-", "\ue014": "-lcb-", "\ue015": "-rcb-"}
MARKS = {"£": " # ", "€": " $ ", "‘": "'", "’": "'", "“": " ", "”": " ", "–": " ", "—": " ", "…": " "}
ABBREVIATION = r"(?:[a-z]\.)*[a-z]|mrs?|ms|dr|st|prof|jr|sr|ltd|inc|co|corp|etc|vs"


def caption_tokens(text):
    text = " " + " ".join(text.lower().split()) + " "
    for mark, by in MARKS.items():
        text = text.replace(mark, by)
    rules = [
        (r'["`;]', " "),
        (r"[][(){}]", lambda m: f" {BRACKETS[m[0]]} "),
        (r"(?<![0-9])[,:]|[,:](?![0-9])", " "),
        (r"[!?]{2,}", r" \g<0> "),
        (r"(?<![!?])[!?](?![!?])", " "),
        (r"--+|\.\.+", " "),
        (rf"n't(?!{INSIDE})", " n\ue000t "),
        (rf"'(s|m|d|re|ve|ll)(?!{INSIDE})", " \ue000\\1 "),
        (r"[$%^~|\\<>=]|#(?=[0-9])|(?<=\S)\+", r" \g<0> "),
        (rf"(?<!\S)[/&@_*]|[/&@_*](?!{INSIDE})|(?<!\S)\+(?![0-9])", r" \g<0> "),
        (rf"(?<!\S)-(?![0-9])|-(?!{INSIDE})", " "),
        (rf"(?<!\S)('?(?:{ABBREVIATION}))\.(?!{INSIDE})", "\\1\ue001"),
        (rf"(?<!\S)\.(?![0-9])|\.(?!{INSIDE})", " "),
        (rf"(?<!\S)'|'(?!{INSIDE})", " "),
        (r"(?<!\S)(can)(not)(?!\S)|(?<!\S)(gon|wan)(na)(?!\S)|(?<!\S)(got)(ta)(?!\S)|(?<!\S)(gim|lem)(me)(?!\S)",
         lambda m: " ".join(filter(None, m.groups()))),
    ]
    before = None
    while text != before:  # a mark that went may have left another one alone
        before = text
        for pattern, by in rules:
            text = re.sub(pattern, by, text)
        text = f" {' '.join(text.split())} "
    text = text.replace("\ue000", "'").replace("\ue001", ".")
    return [SHAPES.get(token, token) for token in text.split()]
