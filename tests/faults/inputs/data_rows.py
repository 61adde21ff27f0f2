"""Data files with one fault each."""
from place import TRAIN as SAMPLES
from rows import TRAIN, Row

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


ROWS = [
    spoilt("train is missing", lambda p: p.remove("data/train.tsv"), "DIR/data/train.tsv: there is no such file"),
    spoilt("dev is missing", lambda p: p.remove("data/dev.tsv"), "DIR/data/dev.tsv: there is no such file"),
    spoilt("folder is missing", lambda p: p.recipe("DIR/data", "DIR/dada"),
           "DIR/dada/train.tsv: there is no such file"),
    spoilt("train is a folder", lambda p: p.recipe("format: tsv", "train: ../model\n  format: tsv"),
           "model: is a folder, a file is wanted"),
    spoilt("train is empty", lambda p: p.write("data/train.tsv", ""), "DIR/data/train.tsv: is empty"),
    spoilt("dev is empty", lambda p: p.table(name="dev"), "DIR/data/dev.tsv: the split 'dev' has no samples"),
    spoilt("only a header", lambda p: p.table(), "DIR/data/train.tsv: the split 'train' has no samples"),
    spoilt("too few columns", lambda p: p.table("good\t1", "bad"), "train.tsv:3: has 1 column, column label is wanted"),
    spoilt("all rows skipped",
           lambda p: p.recipe("format: tsv", "bad_rows: skip\n  labels: [a, b]\n  format: tsv").table("good", "bad"),
           "2 bad rows were left out, first DIR/data/train.tsv:2: "),
    spoilt("unknown label",
           lambda p: p.recipe("format: tsv", "labels: [no, yes]\n  format: tsv").table("good\tyes", "bad\tperhaps"),
           "train.tsv:3: label 'perhaps' is not known; the labels are no, yes"),
    spoilt("label number out of range",
           lambda p: p.recipe("format: tsv", "labels: [no, yes]\n  format: tsv").table("good\t1", "bad\t2"),
           "train.tsv:3: label 2 is out of range: there are 2 classes (no, yes)"),
    spoilt("label of dev that train lacks", lambda p: p.table("good\t7", name="dev"),
           "dev.tsv:2: label '7' is not known; the labels are 0, 1"),
    spoilt("empty label", lambda p: p.table("good\t1", "bad\t"), "train.tsv:3: the label is empty"),
    spoilt("one label only", lambda p: p.table("good\t1", "bad\t1").table("good\t1", name="dev"),
           "train.tsv: column 'label' holds one label only, '1'; telling classes apart needs two"),
    spoilt("label column of texts",
           lambda p: p.recipe("label: label", "label: sentence").table(*(f"number {i}\t1" for i in range(20000))),
           "different labels; is it the label column?"),
    spoilt("not UTF-8", lambda p: p.table("good\t1", b"caf\xe9\t0"),
           "train.tsv:3: byte 4 of the line (0xe9) is not UTF-8"),
    spoilt("UTF-16", lambda p: p.write("data/train.tsv", "sentence\tlabel\n".encode("utf-16")),
           "train.tsv: is UTF-16; convert it to UTF-8"),
    spoilt("zero byte", lambda p: p.table("good\t1", b"a\0b\t0"),
           "train.tsv:3: byte 2 of the line is NUL; is this a text file?"),
    spoilt("wrong column", lambda p: p.recipe("[sentence]", "[sentense]"),
           "train.tsv:1: has no column 'sentense'; its columns are: sentence, label", code=2),
    spoilt("two columns of a name", lambda p: p.table("a\tb\t1", "c\td\t0", header="sentence\tsentence\tlabel"),
           "train.tsv:1: 2 columns are named 'sentence'; give its number", code=2),
    spoilt("name without a header", lambda p: p.recipe("label: label", "label: label\n  header: false"),
           "has no header, so column 'label' must be given by its number", code=2),
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
           ": eval.split: is 'dve', which is no split of the data, did you mean 'dev'?", code=2),
    spoilt("unknown split to evaluate", lambda p: p.trained(), "split 'tset' is not known; the task",
           (*EVAL, "--split", "tset"), 2),
    spoilt("evaluation on a missing file", lambda p: p.trained(), "DIR/none.tsv: there is no such file",
           ("eval", "DIR/run", "--data", "DIR/none.tsv")),
    spoilt("evaluation without a way to read", lambda p: None, "nothing tells how to read this file",
           ("eval", "DIR/model", "--data", "DIR/data/dev.tsv"), 2),
    spoilt("evaluation on other labels",
           lambda p: p.trained().recipe("label: label", "label: label\n  labels: [a, b, c]")
           .table("good\ta", name="dev"),
           "DIR/run/final: has 2 labels, the task has 3", EVAL, 2),
    spoilt("text to predict is not UTF-8", lambda p: p.write("input.txt", b"a\nb\xff\n"),
           "input.txt:2: byte 2 of the line (0xff) is not UTF-8", ("predict", "DIR/model", "--input", "DIR/input.txt")),
]
