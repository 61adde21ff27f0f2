"""Makes the folder of a small GPT-2 without weights: a byte-level vocabulary learned from WordNet's glosses, and sizes
that train on two cores (recipes/wordnet_gpt2_tiny.yaml).

usage: make_gpt2_tiny.py OUT_DIR [WORDNET_DIR]
"""
import json
import os
import shutil
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END = "<|endoftext|>"
SIZES = {"vocab_size": 4096, "n_embd": 256, "n_layer": 4, "n_head": 8, "n_positions": 256}


def glosses(folder):
    for name in ("noun", "verb", "adj", "adv"):
        with open(os.path.join(folder, f"data.{name}"), encoding="utf-8") as lines:
            for line in lines:
                if not line.startswith("  "):
                    yield line.split(" | ", 1)[1].strip()


def make_tokenizer(folder):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=SIZES["vocab_size"], special_tokens=[END], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(glosses(folder), trainer)
    return tokenizer


def main(out, folder="/usr/share/wordnet"):
    tokenizer = make_tokenizer(folder)
    end = tokenizer.token_to_id(END)
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "activation_function": "gelu_new",
              "layer_norm_epsilon": 1e-5, "initializer_range": 0.02, "attn_pdrop": 0.0, "embd_pdrop": 0.0,
              "resid_pdrop": 0.0, "bos_token_id": end, "eos_token_id": end, **SIZES}
    aside = f"{out}.{os.getpid()}"
    os.makedirs(aside)
    tokenizer.save(os.path.join(aside, "tokenizer.json"))
    for name, content in (("config.json", config), ("tokenizer_config.json", {
            "tokenizer_class": "GPT2Tokenizer", "bos_token": END, "eos_token": END, "unk_token": END})):
        with open(os.path.join(aside, name), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
    os.rename(aside, out)  # fails if `out` is not empty


if __name__ == "__main__":
    main(*sys.argv[1:])
