"""Data files with one fault each."""
import json

from place import HIDDEN, TRAIN as SAMPLES, VOCAB
from rows import CHECK, TRAIN, Row

CSV = ("format: tsv", "format: csv")
JSONL = ("format: tsv", "format: jsonl")
REGRESSION = ("sequence_classification", "regression")
EVAL = ("eval", "DIR/run", "--data", "DIR/recipe.yaml")


def spoilt(name, spoil, says, args=TRAIN, code=3):
    return Row(name, says, args, spoil, code)


def csv(*rows):
    return lambda p: p.recipe(*CSV).table(*rows, header="sentence,label", end="csv")


def jsonl(*rows):
    return lambda p: p.recipe(*JSONL).table('{"sentence": "fine", "label": 1}', *rows, header="", end="jsonl")


PREDICT = ("predict", "DIR/model", "--input", "DIR/input.txt")
BPE_SPECIAL = "<|endoftext|>"


def as_it_stands(place, tokenizer):
    """Instead of the model's vocab.txt a tokenizer.json of no class's own."""
    place.remove("model/vocab.txt").write("model/tokenizer_config.json", '{"tokenizer_class": "PreTrainedTokenizerFast"}')
    return place.write("model/tokenizer.json", json.dumps(tokenizer))


def bare(place):
    """The model's tokenizer becomes a byte-level one that adds no special tokens."""
    vocab = {token: i for i, token in enumerate([*"abcdefghijklmn", BPE_SPECIAL])}
    whole = {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
             "model": {"type": "BPE", "vocab": vocab, "merges": []}}
    return as_it_stands(place, whole)


def template(place, **changes):
    """The model's tokenizer.json, with a template of changed pieces."""
    vocab = {token: i for i, token in enumerate(VOCAB)}
    post = {"type": "BertProcessing", "cls": ["[CLS]", vocab["[CLS]"]], "sep": ["[SEP]", vocab["[SEP]"]], **changes}
    whole = {"normalizer": None, "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": post,
             "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": vocab}}
    return as_it_stands(place, whole)


def one_type(place):
    return place.config(type_vocab_size=1).weights(embeddings__token_type_embeddings__weight=[1, HIDDEN])


def masked_lm(place):
    return place.recipe("sequence_classification", "masked_lm").recipe("  label: label\n", "")


def answers(form, *rows):
    """The recipe becomes one of a causal language model, with these lines of JSON as the training file."""
    def spoil(place):
        bare(place).write("model/tokenizer_config.json",
                          json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": BPE_SPECIAL}))
        place.recipe("sequence_classification", "causal_lm").recipe("format: tsv", f"format: {form}")
        return place.recipe("  text: [sentence]\n  label: label\n", "").table(*rows, header="", end="jsonl")
    return spoil


def chat(*turns):
    return json.dumps({"messages": [{"role": role, "content": content} for role, content in turns]})


CHAT = chat(("user", "bad"), ("assistant", "good"))
COMPLETION = '{"prompt": "bad", "completion": "good"}'


ROWS = [
    spoilt("key twice in a line of JSON", jsonl('{"sentence": "bad", "label": 0, "label": 1}'),
           "train.jsonl:2: contains the key 'label' twice in one object (set data.bad_rows: skip"),
    spoilt("key twice in a message", answers("messages", CHAT, CHAT.replace('"role": "user"', '"role": "system", "role": "user"')),
           "train.jsonl:2: contains the key 'role' twice in one object"),
    spoilt("key twice in a completion", answers("prompt_completion", COMPLETION, COMPLETION.replace("{", '{"prompt": "a", ')),
           "train.jsonl:2: contains the key 'prompt' twice in one object"),
    spoilt("half of a surrogate pair in a line of JSON", jsonl('{"sentence": "bad \\ud800", "label": 0}'),
           "train.jsonl:2: has half of a surrogate pair (\\ud800 to \\udfff), which is not a character: {\"sentence\""),
    spoilt("half of a surrogate pair in a message", answers("messages", CHAT, CHAT.replace("good", "\\udc00")),
           "train.jsonl:2: has half of a surrogate pair (\\ud800 to \\udfff), which is not a character: {\"messages\""),
    spoilt("empty answer", answers("messages", CHAT, chat(("user", "bad"), ("assistant", " "))),
           "train.jsonl:2: the answer is empty, so there is nothing to learn (set data.bad_rows: skip"),
    spoilt("empty completion", answers("prompt_completion", COMPLETION, COMPLETION.replace("good", "\\n")),
           "train.jsonl:2: the completion is empty, so there is nothing to learn (set data.bad_rows: skip"),
    spoilt("conversation without room for an answer", answers("messages", CHAT, chat(("user", "abc" * 9), ("assistant", "d"))),
           "train.jsonl:2: the conversation before the assistant's first answer has "),
    spoilt("prompt without room for its completion", answers("prompt_completion", COMPLETION, COMPLETION.replace("bad", "abc" * 9)),
           "train.jsonl:2: the prompt has 27 tokens, so data.max_length 16 leaves none for the completion"),
    spoilt("train is missing", lambda p: p.remove("data/train.tsv"), "DIR/data/train.tsv: there is no such file"),
    spoilt("dev is missing", lambda p: p.remove("data/dev.tsv"), "DIR/data/dev.tsv: there is no such file"),
    spoilt("folder is missing", lambda p: p.recipe("DIR/data", "DIR/dada"),
           "DIR/dada/train.tsv: there is no such file"),
    spoilt("train is a folder", lambda p: p.recipe("format: tsv", "train: ../model\n  format: tsv"),
           "model: is a directory; a file is expected"),
    spoilt("train is empty", lambda p: p.write("data/train.tsv", ""), "DIR/data/train.tsv: is empty"),
    spoilt("dev is empty", lambda p: p.table(name="dev"), "DIR/data/dev.tsv: the split 'dev' has no samples"),
    spoilt("only a header", lambda p: p.table(), "DIR/data/train.tsv: the split 'train' has no samples"),
    spoilt("too few columns", lambda p: p.table("good\t1", "bad"),
           "train.tsv:3: has 1 column; column label is missing"),
    spoilt("all rows skipped",
           lambda p: p.recipe("format: tsv", "bad_rows: skip\n  labels: [a, b]\n  format: tsv").table("good", "bad"),
           "skipped 2 bad rows, the first: DIR/data/train.tsv:2: "),
    spoilt("unknown label",
           lambda p: p.recipe("format: tsv", "labels: [no, yes]\n  format: tsv").table("good\tyes", "bad\tperhaps"),
           "train.tsv:3: label 'perhaps' is not known; the labels are no, yes"),
    spoilt("label number out of range",
           lambda p: p.recipe("format: tsv", "labels: [no, yes]\n  format: tsv").table("good\t1", "bad\t2"),
           "train.tsv:3: label 2 is out of range: the task has 2 classes (no, yes)"),
    spoilt("label of dev that train lacks", lambda p: p.table("good\t7", name="dev"),
           "dev.tsv:2: label '7' is not known; the labels are 0, 1"),
    spoilt("empty label", lambda p: p.table("good\t1", "bad\t"), "train.tsv:3: the label is empty"),
    spoilt("missing label beside numbers", lambda p: p.table("good\t1", "bad\t0", "none\tNaN", "dull\t2"),
           "train.tsv:4: label 'NaN' is a missing value; all other labels are numbers"),
    spoilt("missing label beside names", lambda p: p.table("good\tyes", "bad\tno", "none\tNaN").table("good\tyes", name="dev"),
           "", code=0),
    spoilt("missing labels are skipped",
           lambda p: p.recipe("format: tsv", "bad_rows: skip\n  format: tsv").table("good\t1", "bad\t0", "none\tnan"),
           "", code=0),
    spoilt("one label only", lambda p: p.table("good\t1", "bad\t1").table("good\t1", name="dev"),
           "train.tsv: column 'label' holds only one label, '1'; classification needs two"),
    spoilt("label column of texts",
           lambda p: p.recipe("label: label", "label: sentence").table(*(f"number {i}\t1" for i in range(20000))),
           "yaml:10: data.label: DIR/data/train.tsv: column 'sentence' has 20000 different labels; is it the label column?",
           code=2),
    spoilt("not UTF-8", lambda p: p.table("good\t1", b"caf\xe9\t0"),
           "train.tsv:3: byte 4 of the line (0xe9) is not UTF-8"),
    spoilt("UTF-16", lambda p: p.write("data/train.tsv", "sentence\tlabel\n".encode("utf-16")),
           "train.tsv: is UTF-16; convert it to UTF-8"),
    spoilt("zero byte", lambda p: p.table("good\t1", b"a\0b\t0"),
           "train.tsv:3: byte 2 of the line is NUL; is this a text file?"),
    spoilt("wrong column", lambda p: p.recipe("[sentence]", "[sentense]"),
           "yaml:9: data.text: DIR/data/train.tsv:1: has no column 'sentense'; its columns are: sentence, label", code=2),
    spoilt("wrong column, check", lambda p: p.recipe("[sentence]", "[sentense]"),
           "DIR/recipe.yaml:9: data.text: DIR/data/train.tsv:1: has no column 'sentense'; its columns are: sentence", CHECK, 2),
    spoilt("wrong column of dev, check", lambda p: p.table("good\t1", name="dev", header="sentence\tclass"),
           "DIR/recipe.yaml:10: data.label: DIR/data/dev.tsv:1: has no column 'label'; its columns are: sentence, class",
           CHECK, 2),
    spoilt("wrong column by --set, check", lambda p: None, "--set data.label: DIR/data/train.tsv:1: has no column 'labl'",
           (*CHECK, "--set", "data.label=labl"), 2),
    spoilt("wrong key of JSON, check", lambda p: jsonl('{"sentence": "bad", "label": 0}')(p).recipe("[sentence]", "[text]"),
           "DIR/recipe.yaml:9: data.text: DIR/data/train.jsonl:1: has no key 'text'; its keys are: label, sentence", CHECK, 2),
    spoilt("label column of other labels, check",
           lambda p: p.recipe("label: label", "label: sentence\n  labels: [no, yes]"),
           "DIR/recipe.yaml:10: data.label: DIR/data/train.tsv:2: label 'the film was good' is not known; the labels are no, "
           "yes; most rows of the split 'train' have no known label in column 'sentence': name the label column in "
           "data.label, or correct data.labels", CHECK, 2),
    spoilt("label column of texts that dev lacks, check",
           lambda p: p.recipe("label: label", "label: sentence").table("new\t1", "newer\t0", name="dev"),
           "most rows of the split 'dev' have no known label in column 'sentence': name the label column in data.label",
           CHECK),
    spoilt("bad row, check", lambda p: p.table("good\t1", "bad"), "DIR/data/train.tsv:3: has 1 column; column label", CHECK),
    spoilt("dev is missing, check", lambda p: p.remove("data/dev.tsv"), "data/dev.tsv: there is no such file", CHECK),
    spoilt("watched file is missing, check", lambda p: p.recipe("log_every: 1", "eval: {split: test}"),
           "DIR/data/test.tsv: there is no such file", CHECK),
    spoilt("folder is missing, check", lambda p: p.recipe("DIR/data", "DIR/deta"),
           "DIR/deta/train.tsv: there is no such file", CHECK),
    spoilt("class without a sample, check", lambda p: p.recipe("label: label", "label: label\n  labels: [no, yes, maybe]"),
           "warning: DIR/recipe.yaml:11: data.labels: 1 class without a training sample, which the model cannot learn: maybe",
           CHECK, 0),
    spoilt("class without a sample in a run", lambda p: p.recipe("label: label", "label: label\n  labels: [no, yes, maybe]"),
           "yaml:11: data.labels: 1 class without a training sample, which the model cannot learn: maybe", TRAIN, 0),
    spoilt("long warm-up in epochs, check", lambda p: p.recipe("max_steps: 3,", "epochs: 2, warmup: 6,"),
           "warning: DIR/recipe.yaml:16: stages.adapt.train.warmup: the warm-up has 6 steps and the stage 6", CHECK, 0),
    spoilt("epochs by --set", lambda p: None,
           "note: --set stages.adapt.train.epochs=2 replaces max_steps: 3 of DIR/recipe.yaml:16",
           (*CHECK, "--set", "stages.adapt.train.epochs=2"), 0),
    spoilt("epochs by --set in a run", lambda p: None,
           "--set stages.adapt.train.epochs=1 replaces max_steps: 3 of DIR/recipe.yaml:16",
           (*TRAIN, "--set", "stages.adapt.train.epochs=1"), 0),
    spoilt("two columns of a name", lambda p: p.table("a\tb\t1", "c\td\t0", header="sentence\tsentence\tlabel"),
           "train.tsv:1: 2 columns are named 'sentence'; give its number", code=2),
    spoilt("name without a header", lambda p: p.recipe("label: label", "label: label\n  header: false"),
           "has no header, so column 'label' must be given by its number", code=2),
    spoilt("numbers of columns without a word on the header",
           lambda p: p.recipe("[sentence]", "[0]").recipe("label: label", "label: 1"),
           ": data.header: is missing: columns are named by number, so say whether the first line is a header", code=2),
    spoilt("numbers of columns and a header",
           lambda p: p.recipe("[sentence]", "[0]").recipe("label: label", "label: 1\n  header: true"), "", code=0),
    spoilt("open quote in CSV", csv("fine,1", '"bad,0'), "train.csv:3: a quote that opens here is never closed"),
    spoilt("text after a quote in CSV", csv('"fine"story,1'), "train.csv:2: text follows the closing quote of a field"),
    spoilt("broken line of JSON", jsonl('{"sentence": '), 'train.jsonl:2: is not valid JSON: {"sentence": '),
    spoilt("line of JSON without the key", jsonl('{"text": "bad", "label": 0}'),
           "train.jsonl:2: has no key 'sentence'"),
    spoilt("line of JSON is a list", jsonl("[1, 2]"), "train.jsonl:2: is not a JSON object"),
    spoilt("label of JSON is null", jsonl('{"sentence": "bad", "label": null}'),
           "train.jsonl:2: 'label' is neither text nor a number"),
    spoilt("score is a word", lambda p: p.recipe(*REGRESSION).table("good\t1.5", "bad\tlow"),
           "train.tsv:3: label 'low' is not a finite number"),
    spoilt("score is not finite", lambda p: p.recipe(*REGRESSION).table("good\tnan", "bad\t1"),
           "train.tsv:2: label 'nan' is not a finite number"),
    spoilt("WordNet is not there",
           lambda p: p.recipe("format: tsv", "format: wordnet").recipe("  text: [sentence]\n  label: label\n", ""),
           "DIR/data/data.noun: there is no such file"),
    spoilt("unknown split to watch", lambda p: p.recipe("log_every: 1", "eval: {split: dve}"),
           ": eval.split: is 'dve', which is not a split of the data; did you mean 'dev'?", code=2),
    spoilt("unknown split to evaluate", lambda p: p.trained(), "split 'tset' is not known; the task",
           (*EVAL, "--split", "tset"), 2),
    spoilt("evaluation on a missing file", lambda p: p.trained(), "DIR/none.tsv: there is no such file",
           ("eval", "DIR/run", "--data", "DIR/none.tsv")),
    spoilt("evaluation without a way to read", lambda p: None, "no recipe describes how to read this file",
           ("eval", "DIR/model", "--data", "DIR/data/dev.tsv"), 2),
    spoilt("evaluation on other labels",
           lambda p: p.trained().recipe("label: label", "label: label\n  labels: [a, b, c]")
           .table("good\ta", name="dev"),
           "DIR/run/final: has 2 labels, but the task has 3", EVAL, 2),
    spoilt("text to predict is not UTF-8", lambda p: p.write("input.txt", b"a\nb\xff\n"),
           "input.txt:2: byte 2 of the line (0xff) is not UTF-8", ("predict", "DIR/model", "--input", "DIR/input.txt")),
    spoilt("empty text to predict without special tokens", lambda p: bare(p).write("input.txt", "a\n\nb\n"),
           "DIR/input.txt:2: has no tokens: the text is empty", PREDICT),
    spoilt("empty pair to predict without special tokens", lambda p: bare(p).write("input.txt", "a\tb\n\t\n"),
           "input.txt:2: has no tokens: the text is empty, and the tokenizer", PREDICT),
    spoilt("empty text to train on without special tokens", lambda p: bare(p).table("good\t1", "\t0"),
           "DIR/data/train.tsv:3: has no tokens: the text is empty"),
    spoilt("empty text of dev without special tokens", lambda p: bare(p).table("\t1", name="dev"),
           "DIR/data/dev.tsv:2: has no tokens: the text is empty"),
    spoilt("only empty texts are skipped",
           lambda p: bare(p).recipe("format: tsv", "bad_rows: skip\n  format: tsv").table("\t1", "\t0"),
           "the split 'train' has no usable sample; the first skipped row: DIR/data/train.tsv:2: has no tokens"),
    spoilt("pair for a model of one type", lambda p: one_type(p).write("input.txt", "a\tb\na\tfilm\n"),
           "input.txt:1: the tokenizer produces token type 1, but DIR/model has 1 type (type_vocab_size in config.json)",
           PREDICT),
    spoilt("pairs to train a model of one type",
           lambda p: one_type(p).recipe("[sentence]", "[sentence, label]"),
           "train.tsv:2: the tokenizer produces token type 1, but DIR/model has 1 type"),
    spoilt("template beyond the embedding, predict", lambda p: template(p, cls=["[CLS]", 15]),
           "DIR/input.txt:1: token id 15 is beyond the 15 rows of the embedding of DIR/model", PREDICT),
    spoilt("template beyond the embedding, train", lambda p: template(p, sep=["[SEP]", 40]),
           "DIR/data/train.tsv:2: token id 40 is beyond the 15 rows of the embedding of DIR/model"),
    spoilt("template beyond the embedding, bench", lambda p: template(p, sep=["[SEP]", 41]),
           "DIR/data/train.tsv:2: token id 41 is beyond the 15 rows", ("bench", "DIR/recipe.yaml")),
    spoilt("template beyond the embedding, eval", lambda p: template(p.trained(), sep=["[SEP]", 42]),
           "DIR/data/dev.tsv:2: token id 42 is beyond the 15 rows",
           ("eval", "DIR/model", "--data", "DIR/recipe.yaml")),
    spoilt("token that was added without a row",
           lambda p: p.write("model/vocab.txt", "\n".join([*VOCAB, "", "zebra"]) + "\n")
           .write("input.txt", "a film\nzebra\n"),
           "DIR/input.txt:2: token id 16 ('zebra') is beyond the 15 rows of the embedding of DIR/model", PREDICT),
    spoilt("[MASK] without a row",
           lambda p: masked_lm(p).write("model/special_tokens_map.json", json.dumps({"mask_token": "<m>"})),
           "DIR/model: token id 15 ('<m>') is beyond the 15 rows of the embedding of DIR/model"),
    spoilt("no token of dev is masked", lambda p: masked_lm(p).table("[SEP]\t1", name="dev"),
           "DIR/data/dev.tsv: the split 'dev' has no token with a loss"),
    spoilt("GLUE's test file is evaluated",
           lambda p: p.recipe("format: tsv", "task: sst2").recipe("  text: [sentence]\n  label: label\n", "").trained()
           .table("0\tfine story", name="test", header="index\tsentence"),
           "DIR/data/test.tsv: the split 'test' of sst2 has no labels, so nothing can be scored; `filigree predict`",
           (*EVAL, "--split", "test")),
    spoilt("GLUE's test file is given for evaluation",
           lambda p: p.recipe("format: tsv", "task: sst2").recipe("  text: [sentence]\n  label: label\n", "").trained()
           .table("0\tfine story", name="test", header="index\tsentence"),
           "data/test.tsv: the split 'test' of sst2 has no labels, so nothing can be scored; `filigree predict`",
           ("eval", "DIR/run", "--data", "DIR/data/test.tsv")),
    spoilt("test file without the label column is evaluated",
           lambda p: p.trained().table("0\tfine story", name="test", header="index\tsentence"),
           "test.tsv:1: has no column 'label'; its columns are: index, sentence. Without labels nothing can be scored; "
           "`filigree predict` labels texts", (*EVAL, "--split", "test"), 2),
    spoilt("test file with labels of -1 is evaluated",
           lambda p: p.trained().table("fine story\t-1", name="test"),
           "test.tsv:2: label -1 marks a row without a label, as in GLUE's test files; the labels are 0, 1. "
           "`filigree predict` labels such texts", (*EVAL, "--split", "test")),
    spoilt("watching a split without labels",
           lambda p: p.recipe("format: tsv", "task: sst2").recipe("  text: [sentence]\n  label: label\n", "")
           .recipe("log_every: 1", "eval: {split: test}")
           .table("0\tfine story", name="test", header="index\tsentence"),
           "the split 'test' of sst2 has no labels, so nothing can be scored"),
    spoilt("unquoted comma in CSV", csv("fine,1", "dull, but good,0"),
           "train.csv:3: has 3 columns, but the header has 2; quote a field that holds the separator"),
    spoilt("WebNLG entry without triples",
           lambda p: p.recipe("sequence_classification", "causal_lm").recipe(*("format: tsv", "format: webnlg"))
           .recipe("  text: [sentence]\n  label: label\n", "")
           .write("data/train.json", '{"entries": [{"1": {}}]}'),
           "train.json:1: entry 1 does not have the layout of WebNLG: the key 'modifiedtripleset' is missing"),
]

# Odd, but good: read as transformers reads them.
GOOD = [
    Row("tokens beyond the embedding that no text uses", "", PREDICT,
        lambda p: p.write("model/vocab.txt", "\n".join([*VOCAB, "", "unused", "", "unused"]) + "\n"), 0),
    Row("blank lines of JSONL", "", TRAIN,
        lambda p: p.recipe(*JSONL).table('{"sentence": "fine", "label": 1}', "  ", '{"sentence": "bad", "label": 0.0}',
                                         "\t", header="", end="jsonl")
        .table('{"sentence": "fine", "label": 1.0}', header="", name="dev", end="jsonl"), 0),
    Row("empty texts are skipped", "", TRAIN,
        lambda p: bare(p).recipe("format: tsv", "bad_rows: skip\n  format: tsv").table("good\t1", "\t0", "bad\t0"), 0),
]
