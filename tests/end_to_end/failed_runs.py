"""Runs that end with an error: log.txt has it, whatever rank met it, and the report shows a loss that is not finite. A second
start does not empty log.txt. Signals, backends and options without effect have their exit codes."""
import json
import os
import signal
import struct
import subprocess
import sys
import time

from runs import BINARY, SOURCE, Folder, environment, expect, lines, run, start, write_recipe

sys.path.insert(0, os.path.join(SOURCE, "tests/faults/inputs"))
from place import HIDDEN, VOCAB, Place  # noqa: E402
from run_rows import huge_weights  # noqa: E402


def log(out):
    with open(os.path.join(out, "log.txt")) as file:
        return file.read()


def check_loss_that_is_not_finite():
    with Folder() as folder:
        place = huge_weights(Place(os.path.join(folder, "p")))
        args = ("train", place.at("recipe.yaml"), "--out", place.at("run"))
        err = run(1, *args, expect=3)[1]
        said = err.strip().splitlines()[-1]
        expect("stage adapt: the loss became " in said, said)
        expect(f"Samples of the batch: {place.at('data/train.tsv')}:" in said, f"no place of the samples: {said}")
        expect(f" E ended with exit code 3: {said}\n" in log(place.at("run")), f"log.txt lacks the error:\n{log(place.at('run'))}")
        record = json.loads(open(place.at("run/metrics.jsonl")).read().splitlines()[-1])
        expect(record["not_finite"] == "loss" and record["loss"] is None, f"the last line is {record}")
        run(1, "report", place.at("run"))
        page = open(place.at("run/report.html")).read()
        expect("The loss was not finite, or beyond 1e+100, at 1 of 1 logged step: step 1." in page, "the report is silent")
        # A step that was not made is not progress: another recipe may use the directory. The text of the first start is kept.
        err = run(1, *args, "--set", "stages.adapt.train.lr=1e-5", expect=3)[1]
        expect("stage adapt: the loss became " in err, err)
        expect(log(place.at("run")).count(" E ended with exit code 3: ") == 2, f"log.txt was emptied:\n{log(place.at('run'))}")


def unknown_words_overflow(place):
    """Of the embeddings, the row of [UNK] alone is so large that its mean overflows."""
    content = bytearray(place.read("model/model.safetensors"))
    size, = struct.unpack_from("<Q", content)
    name = "embeddings.word_embeddings.weight"
    begin = 8 + size + json.loads(content[8:8 + size])[name]["data_offsets"][0]
    struct.pack_into(f"<{HIDDEN}f", content, begin + 4 * HIDDEN * VOCAB.index("[UNK]"), *[3e38] * HIDDEN)
    return place.write("model/model.safetensors", bytes(content))


def check_failed_evaluation():
    """A row of dev.tsv that has no finite loss costs nothing but the evaluation: the start after its repair goes on from
    the last step and gives the metrics of a run whose data were good at once. (The model itself is damaged, so that the
    export at the end refuses it.)"""
    refused = "the model's logits are not finite"
    with Folder() as folder:
        good = unknown_words_overflow(Place(os.path.join(folder, "good")))
        expect(refused in run(1, "train", good.at("recipe.yaml"), "--out", good.at("run"), expect=3)[1], "no export")
        place = unknown_words_overflow(Place(os.path.join(folder, "p")))
        place.recipe("checkpoint: {every: 1, keep: 3}", "checkpoint: {every: 0, keep: 3}").recipe("backend: single", "backend: auto")
        rows = place.read("data/dev.tsv").decode()
        place.write("data/dev.tsv", rows.replace("fine story", "fine xyzzy", 1))
        args = ("train", place.at("recipe.yaml"), "--out", place.at("run"))
        for ranks in (2, 1):
            err = run(ranks, *args, expect=3)[1]
            expect(f"the loss on 'dev' is not finite in 1 of 12 samples ({place.at('data/dev.tsv')}:4)" in err, err)
            expect("until step 3 is kept in a checkpoint" in err or ranks == 1, err)
        place.write("data/dev.tsv", rows)
        expect(refused in run(2, *args, expect=3)[1], "the evaluation was not repeated")
        found, wanted = (
            [json.loads(line) for line in open(a.at("run/metrics.jsonl"))] for a in (place, good))
        evaluations = [[record for record in records if record["kind"] == "eval"] for records in (found, wanted)]
        failed, evaluations[0] = evaluations[0][:2], evaluations[0][2:]
        expect(all(record["loss"] is None for record in failed), f"{failed}")
        expect([(e["step"], e["samples"]) for e in evaluations[0]] == [(e["step"], e["samples"]) for e in evaluations[1]],
               f"{evaluations}")
        for one, other in zip(*evaluations):
            expect(abs(one["loss"] - other["loss"]) < 1e-5, f"{one} is not {other}")


def check_error_of_another_rank():
    """Rank 1 alone gets a limit on the size of its files."""
    with Folder() as folder:
        recipe = write_recipe(folder, steps=4, every=2)
        words = [os.path.join(SOURCE, "tests/support/mpirun.sh")]
        train = [BINARY, "train", recipe, "--out", f"{folder}/run"]
        limited = ["bash", "-c", 'ulimit -f 24; exec "$@"', "_", *train]
        done = subprocess.run([*words, "-n", "1", *train, ":", "-n", "1", *limited], env=environment(), capture_output=True,
                              text=True, timeout=300)
        expect(done.returncode == 3, f"it ended with {done.returncode}\n{done.stderr[-2000:]}")
        text = log(f"{folder}/run")
        expect(" E ended with exit code 3: " in text, f"log.txt lacks the error of rank 1:\n{text}\n{done.stderr[-2000:]}")
        expect(text.splitlines()[-1].split("exit code 3: ")[1] in done.stderr.replace("\n", " "), "log.txt and stderr differ")


def check_stop_between_stages():
    """A signal while nothing is trained ends the run at once; log.txt says so."""
    with Folder() as folder:
        stages = """
  - name: adapt
    method: {name: lora, rank: 2, targets: [query]}
    train: {max_steps: 1, batch_size: 16, lr: 1e-3}
  - name: prune
    prune: {structure: [heads], heads: 0.25, score: taylor, batches: 2000}
"""
        recipe = write_recipe(folder, stages=stages)
        process = start(1, "train", recipe, "--out", f"{folder}/run")
        end = time.time() + 120
        while not (os.path.exists(f"{folder}/run/log.txt") and "computing the score" in log(f"{folder}/run")):
            expect(process.poll() is None and time.time() < end, "the prune did not begin")
            time.sleep(0.02)
        process.send_signal(signal.SIGUSR1)
        err = process.communicate(timeout=60)[1]
        expect(process.returncode == 75, f"ended with {process.returncode}")
        words = "filigree: stopped by SIGUSR1 while no stage was training"
        expect(words in err and words in log(f"{folder}/run"), f"log.txt lacks the signal:\n{log(f'{folder}/run')}")
        expect(lines(f"{folder}/run") > 0, "no record")


def check_backends():
    with Folder() as folder:
        place = Place(os.path.join(folder, "p")).recipe("backend: single, ", "backend: mpi, ")
        said = run(1, "train", place.at("recipe.yaml"), "--out", place.at("run"), expect=2)[1]
        expect("parallel.backend: mpi: start the program with mpirun or srun, even for one rank, or use auto" in said, said)
        place.recipe("backend: mpi, ", "backend: single, ")
        place.trained()
        run(2, "eval", place.at("run"))  # the backend of the run does not bind the ranks of an evaluation


check_loss_that_is_not_finite()
check_failed_evaluation()
check_error_of_another_rank()
check_stop_between_stages()
check_backends()
