"""Runs that end with an error: log.txt has it, whatever rank met it, and the report shows a loss that is not finite. A second
start does not empty log.txt. Signals, backends and options without effect have their exit codes."""
import json
import os
import signal
import subprocess
import sys
import time

from runs import BINARY, SOURCE, Folder, environment, expect, lines, run, start, write_recipe

sys.path.insert(0, os.path.join(SOURCE, "tests/faults/inputs"))
from place import Place  # noqa: E402
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
        # A step that was not made is no progress: another recipe may use the directory. The text of the first start is kept.
        err = run(1, *args, "--set", "stages.adapt.train.lr=1e-5", expect=3)[1]
        expect("stage adapt: the loss became " in err, err)
        expect(log(place.at("run")).count(" E ended with exit code 3: ") == 2, f"log.txt was emptied:\n{log(place.at('run'))}")


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
check_error_of_another_rank()
check_stop_between_stages()
check_backends()
