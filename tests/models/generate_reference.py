"""What transformers' generate() gives, for generate_parity_test.

usage: generate_reference.py OUT_DIR

Each case is a folder of OUT_DIR: a GPT-2 as save_pretrained writes it and cases.json: prompts, settings, and the tokens that
follow each prompt up to the end of the text. "random" has large random weights, "trained" has learnt texts of a small
grammar, so that its sequences end and repeat as those of a real model do.
"""

import json
import pathlib
import sys

import torch
from transformers import GPT2Config, GPT2LMHeadModel

END, VOCABULARY = 0, 61
SETTINGS = [
    dict(),
    dict(no_repeat_ngram_size=2),
    dict(num_beams=10),
    dict(num_beams=10, length_penalty=0.8, no_repeat_ngram_size=4),
    dict(num_beams=4, early_stopping=True, length_penalty=2.0),
    dict(num_beams=3, length_penalty=0.0, no_repeat_ngram_size=1),
]
MAX_NEW_TOKENS = 24


def text(generator):
    """A sentence: a subject, which decides the verb, objects of a decreasing number, the end."""
    def draw(low, high):
        return torch.randint(low, high, (), generator=generator).item()

    subject = draw(1, 10)
    words = [subject, 10 + subject]
    for _ in range(draw(1, 6)):
        words += [20 + draw(0, 3), 23 + (subject * draw(1, 3)) % 30]
    return words + [53, END]


def train(model, generator):
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(150):
        texts = [text(generator) for _ in range(16)]
        longest = max(map(len, texts))
        ids = torch.tensor([words + [END] * (longest - len(words)) for words in texts])
        labels = torch.tensor([words + [-100] * (longest - len(words)) for words in texts])
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"trained to a loss of {loss.item():.2f}")


def continuation(model, prompt, settings):
    ids = torch.tensor([prompt])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=MAX_NEW_TOKENS,
                         eos_token_id=END, pad_token_id=END, **settings)[0, len(prompt):].tolist()
    return out[:out.index(END)] if END in out else out


def write(folder, model, prompts):
    model.float().eval()
    model.save_pretrained(folder)
    rows = [{"settings": settings, "results": [continuation(model, prompt, settings) for prompt in prompts]}
            for settings in SETTINGS]
    folder.joinpath("cases.json").write_text(json.dumps({"prompts": prompts, "max_new_tokens": MAX_NEW_TOKENS, "rows": rows}))


def main(out):
    out = pathlib.Path(out)
    generator = torch.Generator().manual_seed(3)
    config = GPT2Config(vocab_size=VOCABULARY, n_embd=48, n_head=4, n_layer=3, n_positions=64, bos_token_id=END,
                        eos_token_id=END, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, attn_implementation="eager")
    torch.manual_seed(5)
    model = GPT2LMHeadModel(config)
    train(model, generator)
    write(out / "trained", model, [text(generator)[:length] for length in (1, 2, 4, 3, 1, 5)])
    model = GPT2LMHeadModel(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator) * 0.2
            parameter.copy_(1 + noise if ".ln_" in name and name.endswith("weight") else noise)
    prompts = [torch.randint(1, VOCABULARY, (length,), generator=generator).tolist() for length in (1, 7, 3, 30, 2)]
    write(out / "random", model, prompts)


if __name__ == "__main__":
    main(sys.argv[1])
