"""The formats messages and prompt_completion: losses and continuations are those of transformers on the same tokens, with a
loss on the assistant's turns or the completion alone; on 1 and 2 ranks the same."""
import json
import os
import random
import shutil
import sys

from runs import MODELS, Folder, expect, losses, relative, run

os.environ.setdefault("HF_HUB_OFFLINE", "1")

RECIPE = """
name: chat
seed: 3
model: {path: "DATA/base", task: causal_lm, init: random, dropout: 0}
data: {format: FORMAT, dir: "DATA", max_length: 48}
parallel: {precision: fp32, device: cpu, timeout: 120}
stages:
  - name: tune
    method: {name: full}
    train: {max_steps: 12, batch_size: 8, lr: 2e-3}
log_every: 1
"""
WORDS = "the quick brown fox jumps over a lazy dog while Ünder trees sing 12 birds , loudly .".split()


def text(draw, most):
    return " ".join(draw.choice(WORDS) for _ in range(draw.randrange(1, most)))


def conversation(draw):
    turns = [{"role": "system", "content": text(draw, 4)}] if draw.random() < 0.3 else []
    for _ in range(draw.randrange(1, 4)):
        turns += [{"role": "user", "content": text(draw, 8)}, {"role": "assistant", "content": text(draw, 8)}]
    return {"messages": turns, "id": draw.randrange(9)}


def completion(draw):
    return {"prompt": text(draw, 8), "completion": " " + text(draw, 8)}


def segments(row):
    """(text, whether it has a loss, whether an end-of-text token follows), as core/data/formats say."""
    if "prompt" in row:
        return [(row["prompt"], False, False), (row["completion"], True, True)]
    out = []
    for turn in row["messages"]:
        out.append((turn["role"].capitalize() + ":", False, False))
        out.append((" " + turn["content"], turn["role"] == "assistant", True))
    return out


def encode(tokenizer, parts, most=None):
    ids, labels = [], []
    for words, has_loss, ends in parts:
        own = tokenizer(words, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id] * ends
        ids += own
        labels += own if has_loss else [-100] * len(own)
    return ids[:most], labels[:most]


def reference_loss(model, tokenizer, rows, most):
    """Mean over the tokens with a loss; and their number."""
    import torch
    total, count = 0.0, 0
    for row in rows:
        ids, labels = encode(tokenizer, segments(row), most)
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, :-1]
        target = torch.tensor(labels[1:])
        total += torch.nn.functional.cross_entropy(logits, target, ignore_index=-100, reduction="sum").item()
        count += int((target != -100).sum())
    return total / count, count


def prompt_of(kind, line):
    if kind == "messages":
        return [("User:", False, False), (" " + line, False, True), ("Assistant:", False, False)]
    return [(line, False, False)]


def base_model(folder):
    """gpt2-tiny with the further files that transformers reads of a model's folder."""
    base = f"{folder}/base"
    shutil.copytree(f"{MODELS}/gpt2-tiny", base)
    templates = {"chat_template.jinja": "{{ messages[0].content }}!", "additional_chat_templates/tools.jinja": "{{ tools }}?"}
    os.makedirs(f"{base}/additional_chat_templates")
    for name, content in templates.items():
        with open(f"{base}/{name}", "w") as out:
            out.write(content)
    with open(f"{base}/generation_config.json", "w") as out:
        json.dump({"max_new_tokens": 7, "num_beams": 3, "no_repeat_ngram_size": 4, "eos_token_id": 0, "bos_token_id": 0}, out)
    return base


def check_files_of_base(folder, kind):
    """Generation config and chat templates of exports, and of exports of exports, are those of the base."""
    from transformers import AutoTokenizer, GenerationConfig
    run(1, "export", f"{folder}/n1", "--format", "hf", f"{folder}/hf")
    wanted = AutoTokenizer.from_pretrained(f"{folder}/base")
    expect(isinstance(wanted.chat_template, dict) and len(wanted.chat_template) == 2, f"templates: {wanted.chat_template}")
    for export in (f"{folder}/n1/final", f"{folder}/hf"):
        expect(AutoTokenizer.from_pretrained(export).chat_template == wanted.chat_template, f"{kind}: {export}: chat template")
        config, base = (GenerationConfig.from_pretrained(path).to_dict() for path in (export, f"{folder}/base"))
        expect(config == base and config["num_beams"] == 3, f"{kind}: {export}: {config} is not {base}")


def check_limits(folder):
    """Texts that end for lack of positions are named; options without effect are refused."""
    path = f"{folder}/long.txt"
    with open(path, "w") as out:
        out.write("dog\n" + "fox " * 120 + "\n")
    generate = ("generate", f"{folder}/n1/final", "--input", path, "--max-new-tokens", "250", "--no-repeat-ngram", "2")
    out, err = run(1, *generate)
    rows = [json.loads(line) for line in out.splitlines()]
    prompts = [json.loads(line)["ids"] for line in run(1, "tokenize", f"{folder}/n1/final", "--input", path)[0].splitlines()]
    room = 256 - len(prompts[1])  # a conversation's prompt has a few more tokens
    if room - 10 <= len(rows[1]["ids"]) <= room:
        expect(f"warning: {path}:2: the text ends at the last of the model's 256 positions" in err, f"generate says {err}")
    expect("long.txt:1" not in err, err)
    for words, says in ((("--seed", "3"), "--seed has no effect: it is used only with --temperature or --top-k or --top-p"),
                        (("--length-penalty", "2"), "--length-penalty has no effect: it is used only with --beams"),
                        (("--length-penalty", "2", "--beams", "1"), "it is used only with --beams of at least 2"),
                        (("--temperature", "0"), "without --temperature, --top-k and --top-p, the search is greedy")):
        said = run(1, *generate, *words, expect=2)[1]
        expect(says in said, f"{words}: {said}")
    said = run(1, "export", f"{folder}/n1", "--format", "peft", "--shard-mb", "1", f"{folder}/peft", expect=2)[1]
    expect("--shard-mb has no effect" in said, said)


def check(kind, make):
    import torch
    from transformers import AutoTokenizer, GPT2LMHeadModel
    draw = random.Random(5)
    with Folder() as folder:
        rows = {split: [make(draw) for _ in range(count)] for split, count in (("train", 64), ("dev", 20))}
        for split, part in rows.items():
            with open(f"{folder}/{split}.jsonl", "w", encoding="utf-8") as out:
                out.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in part))
        base_model(folder)
        recipe = f"{folder}/recipe.yaml"
        with open(recipe, "w") as out:
            out.write(RECIPE.replace("FORMAT", kind).replace("DATA", str(folder)))
        for ranks in (1, 2):
            run(ranks, "train", recipe, "--out", f"{folder}/n{ranks}")
        difference = relative(losses(f"{folder}/n1", "tune"), losses(f"{folder}/n2", "tune"))
        expect(difference <= 1e-5, f"{kind}: 2 ranks differ from 1 by {difference:.1e}")
        found = json.loads(run(1, "eval", f"{folder}/n1")[0])
        tokenizer = AutoTokenizer.from_pretrained(f"{folder}/n1/final")
        model = GPT2LMHeadModel.from_pretrained(f"{folder}/n1/final").eval()
        wanted, count = reference_loss(model, tokenizer, rows["dev"], 48)
        print(f"{kind}: eval loss {found['loss']:.6f}, transformers on {count} tokens {wanted:.6f}")
        expect(abs(found["loss"] - wanted) <= 1e-5 * wanted, f"{kind}: the loss is not that of the same tokens")
        line = "the quick brown fox"
        with open(f"{folder}/lines.txt", "w") as out:
            out.write(line + "\n")
        generated = json.loads(run(1, "generate", f"{folder}/n1", "--input", f"{folder}/lines.txt", "--max-new-tokens", "8")[0])
        start = torch.tensor([encode(tokenizer, prompt_of(kind, line))[0]])
        answer = model.generate(start, max_new_tokens=8, do_sample=False, pad_token_id=tokenizer.eos_token_id)[0, start.shape[1]:]
        answer = [token for token in answer.tolist() if token != tokenizer.eos_token_id]
        expect([token for token in generated["ids"] if token != tokenizer.eos_token_id] == answer,
               f"{kind}: generate gives {generated['ids']}, transformers {answer}")
        check_limits(folder)
        check_files_of_base(folder, kind)
        with open(f"{folder}/lines.txt", "a") as out:
            out.write("the quick brown fox " * 200 + "\n")
        said = run(1, "generate", f"{folder}/n1", "--input", f"{folder}/lines.txt", expect=3)[1]
        expect(f"{folder}/lines.txt:2: the prompt has " in said and "256 positions" in said, f"{kind}: generate says {said}")


if not os.path.exists(f"{MODELS}/gpt2-tiny/tokenizer.json"):
    sys.exit(f"{MODELS}/gpt2-tiny is absent; launch/setup.sh makes it")
check("messages", conversation)
check("prompt_completion", completion)
