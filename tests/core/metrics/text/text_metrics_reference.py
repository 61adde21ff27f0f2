"""Texts with the figures of sacrebleu and of reference_metrics.py: text_metrics_reference.py OUT.json SHARED_DATA

The sentences are E2E's references when SHARED_DATA has them, else WordNet's glosses."""
import json
import os
import random
import sys

try:
    from sacrebleu.metrics import BLEU
except ImportError:
    print(f"skipped: {sys.executable} has no sacrebleu package")
    sys.exit(77)
from reference_metrics import caption_tokens, cider, nist, rouge_l, tokens_13a

ODD_WORDS = ["$3.50", "£20-25,", "1,000.5%", "(mid-priced)", "\"quoted\"", "e.g.", "U.S.", "Mr.", "don't", "they'll", "kid's",
             "cannot", "5-6", "10,", "x,y", "and/or", "R&B", "&amp;", "&quot;", "&lt;b&gt;", "&amp;lt;", "<skipped>", "#1", "a.b",
             "...", "--", "!!", "café", "Straße", "ΟΔΟΣ", "İstanbul", "日本語。", "naïve", "“curly”", "’tis", "–", "€5", "a\u00a0b",
             "a\u2003b", "x\u3000y", "\U0001f600", "[1]", "{x}", "-5", "+", "=", "@home", "3.", ".5", "7,8,9", "..", ",,", "'"]


def sentence_groups(shared):
    """Lists of sentences that mean the same, or at least are alike in length."""
    e2e = os.path.join(shared, "E2E", "dev.txt")
    if os.path.exists(e2e):
        groups = {}
        with open(e2e, encoding="utf-8") as lines:
            for line in lines:
                source, reference = line.rstrip("\n").split("||")
                groups.setdefault(source, []).append(reference)
        return list(groups.values())
    if not os.path.exists("/usr/share/wordnet/data.noun"):
        print("skipped: neither E2E nor WordNet (package wordnet-base) is here")
        sys.exit(77)
    with open("/usr/share/wordnet/data.noun", encoding="utf-8") as lines:
        glosses = [line.split(" | ")[1].strip() for line in lines if " | " in line][::97]
    return [glosses[i:i + 6] for i in range(0, len(glosses) - 6, 6)]


def noisy(rng, text, rate):
    words = []
    for word in text.split(" "):
        draw = rng.random() / rate if rate else 2
        if draw < 0.3:
            continue
        words.append(word.upper() if draw < 0.4 else word)
        if draw < 0.6:
            words.append(rng.choice(ODD_WORDS))
        elif draw < 0.8:
            words.append(word)
    # E2E comes with spaces around its marks; half of the texts lose them.
    text = " ".join(words)
    return text if rng.random() < 0.5 else text.replace(" .", ".").replace(" ,", ",").replace("£ ", "£").replace(" - ", "-")


def corpus(rng, groups, size, most, rate):
    samples = []
    for _ in range(size):
        group = rng.choice(groups)
        references = [noisy(rng, rng.choice(group), rate / 4) for _ in range(rng.randint(1, most))]
        samples.append((noisy(rng, rng.choice(group), rate), references))
    return samples


def edge_corpora(rng, groups):
    yield [("", ["a b c d e"])]
    yield [("", [""])]
    yield [("a b c d e", [""]), ("a b c d", ["", "a b c d e"])]
    yield [("", ["a b c d"]), ("a b c d", ["a b c d", "b"])]
    yield [("p q r s t", ["a b c d e"])]
    yield [("a", ["a"]), ("a b", ["a b", "a"]), ("c d e", ["e d c"])]
    yield [("a b c", ["a b c"]), ("d e f", ["d e f"])]
    yield [("a b x c", ["a b y c"]), ("a a a a a", ["a a"])]
    yield [("g h i j k l m", ["1 2 3 4 5 6 7 8 9 10 11", "1 2 3 4 5 6 7 8", "g 2 3 4 5 6"])]
    yield [(" trailing -\n", ["trailing - \u2003", "\ttrailing"]), ("line-\nend two\nlines ok.", ["lineend two lines ok."])]
    same = corpus(rng, groups, 8, 1, 0)
    yield [(h, [h]) for h, _ in same]
    yield corpus(rng, groups, 1, 5, 0.2)


def bleu(samples, **options):
    most = max(len(references) for _, references in samples)
    streams = [[r[i] if i < len(r) else None for _, r in samples] for i in range(most)]
    score = BLEU(**options).corpus_score([h for h, _ in samples], streams)
    figures = {f"precision_{n + 1}": p for n, p in enumerate(score.precisions)}
    return figures | {"bleu": score.score, "brevity_penalty": score.bp, "hypothesis_tokens": score.sys_len,
                      "reference_tokens": score.ref_len}


def case(samples):
    return {"samples": [{"hypothesis": h, "references": r} for h, r in samples],
            "bleu": bleu(samples), "bleu_lower": bleu(samples, lowercase=True), "bleu_words": bleu(samples, tokenize="none"),
            "nist": nist(samples),
            "rouge_l": rouge_l(samples, caption_tokens), "rouge_l_words": rouge_l(samples, str.split),
            "cider": cider(samples, caption_tokens), "cider_words": cider(samples, str.split)}


def random_line(rng):
    alphabet = "ab1 2.,-'\"&;/()$%:\n\u00a0\u0085\u001cé\u2028–<>skiped#@Σ" + "".join(map(chr, range(33, 127)))
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, 40)))


def main(out, shared):
    rng = random.Random(20)
    groups = sentence_groups(shared)
    corpora = list(edge_corpora(rng, groups))
    corpora += [corpus(rng, groups, rng.randint(2, 40), rng.choice([1, 2, 5, 9]), rng.choice([0.1, 0.3, 0.6])) for _ in range(30)]
    lines = [random_line(rng) for _ in range(3000)] + [noisy(rng, rng.choice(rng.choice(groups)), 0.6) for _ in range(500)]
    result = {"corpora": [case(samples) for samples in corpora],
              "lines": [{"text": t, "13a": tokens_13a(t), "words": t.split(), "lower": t.lower()} for t in lines],
              "captions": [{"text": t, "tokens": caption_tokens(t)} for t in lines[3000:]]}
    with open(out, "w", encoding="utf-8") as file:
        json.dump(result, file)


main(*sys.argv[1:])
