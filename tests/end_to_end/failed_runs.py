"""Runs that end with an error: log.txt has it, whatever rank met it, and the report shows a loss that is not finite. A second
start does not empty log.txt. Signals, backends and options without effect have their exit codes."""
import json
import os
import shutil
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
        failures = []
        for ranks in (2, 1):
            err = run(ranks, *args, expect=3)[1]
            expect(f"the loss on 'dev' is not finite in 1 of 12 samples ({place.at('data/dev.tsv')}:4)" in err, err)
            expect("until step 3 is kept in a checkpoint" in err or ranks == 1, err)
            failures.append(open(place.at("run/metrics.jsonl")).read().count('"loss":null'))
        place.write("data/dev.tsv", rows)
        expect(refused in run(2, *args, expect=3)[1], "the evaluation was not repeated")
        found, wanted = (
            [json.loads(line) for line in open(a.at("run/metrics.jsonl"))] for a in (place, good))
        evaluations = [[record for record in records if record["kind"] == "eval"] for records in (found, wanted)]
        expect(failures == [1, 1], f"lines of the failed evaluation after each start: {failures}")
        expect([(e["step"], e["samples"]) for e in evaluations[0]] == [(e["step"], e["samples"]) for e in evaluations[1]],
               f"{evaluations}")
        for one, other in zip(*evaluations):
            expect(abs(one["loss"] - other["loss"]) < 1e-5, f"{one} is not {other}")


def check_start_that_does_not_open_the_run():
    """Its error is in the log of the run that it was to continue. A start that would harm the run leaves it as it is, and
    no directory is made for an error."""
    with Folder() as folder:
        place = Place(os.path.join(folder, "p"))
        args = ("train", place.at("recipe.yaml"), "--out", place.at("run"))
        bad = ("--set", "stages.adapt.train.lr=0")
        run(1, *args, *bad, expect=2)
        expect(not os.path.exists(place.at("run")), "a bad recipe made a directory")
        run(1, *args)
        text = log(place.at("run"))
        said = run(1, *args, *bad, expect=2)[1].strip()
        expect(said.startswith("--set stages.adapt.train.lr"), said)
        text += log(place.at("run"))[len(text):]
        expect(text.splitlines()[-1].endswith(f" E before the run was opened, a start ended with exit code 2: {said}"), text)
        os.rename(place.at("data/dev.tsv"), place.at("data/gone.tsv"))
        run(1, *args, expect=3)
        expect("a start ended with exit code 3: " in log(place.at("run")).splitlines()[-1], log(place.at("run")))
        os.rename(place.at("data/gone.tsv"), place.at("data/dev.tsv"))
        text = log(place.at("run"))
        run(1, *args, "--set", "seed=8", expect=2)
        run(1, *args, "--resume", "never", expect=2)
        expect(log(place.at("run")) == text, "a refused start wrote to the log of another run")


def check_report_of_a_run_without_a_step():
    with Folder() as folder:
        place = huge_weights(Place(os.path.join(folder, "p")))
        run(1, "train", place.at("recipe.yaml"), "--out", place.at("run"), expect=3)
        run(1, "report", place.at("run"))
        page = open(place.at("run/report.html")).read()
        expect("unfinished: no recorded step" in page, "the report names a step that was not made")
        expect("The last start of the run failed. log.txt: ended with exit code 3: stage adapt: the loss became" in page,
               "the report lacks the error")


def check_pruned_base():
    """A run that starts from a pruned model and prunes nothing: its records and its report say what is left of the model."""
    with Folder() as folder:
        place = Place(os.path.join(folder, "p"))
        prune = "  - {name: prune, prune: {structure: [heads, ffn], heads: 0.5, ffn: 0.5}}\n"
        export = "  - {name: small, export: {format: hf_pruned, dir: small}}\n"
        whole = place.read("recipe.yaml").decode()
        place.write("pruning.yaml", whole.replace("checkpoint:", prune + export + "checkpoint:"))
        run(1, "train", place.at("pruning.yaml"), "--out", place.at("first"))
        for base, fork in (("first", False), ("first/checkpoints/step-00000004", False), ("first/small", False),
                           ("first/checkpoints/step-00000004", True)):
            out = place.at("run")
            if fork:
                run(1, "train", place.at("pruning.yaml"), "--out", out, "--resume", place.at(base))
            else:
                run(1, "train", place.at("recipe.yaml"), "--out", out, "--set", "model.path=" + place.at(base))
            with open(place.at("run/metrics.jsonl")) as file:
                record = json.loads(file.readline())
            expect((record["kind"], record["at"]) == ("model", "start"), f"{base}: the first line is {record}")
            expect((record["heads_left"], record["heads_total"]) == ([1], [2]), f"{base}: {record}")
            expect((record["ffn_left"], record["ffn_total"]) == ([8], [16]), f"{base}: {record}")
            expect("the model is pruned at the start: 1 of 2 heads and 8 of 16 FFN neurons are left" in log(out), log(out))
            run(1, "report", out)
            page = open(place.at("run/report.html")).read()
            expect("Attention heads: 1 of 2 left before this run" in page, f"{base}: the report lacks the heads")
            expect("nothing was pruned" not in page, f"{base}: the report says that nothing was pruned")
            shutil.rmtree(out)
        out = place.at("again")
        run(1, "train", place.at("pruning.yaml"), "--out", out, "--set", "model.path=" + place.at("first"))
        expect("stage prune: removes nothing: the share is of the original model" in log(out), log(out))
        expect("removes nothing" not in log(place.at("first")), log(place.at("first")))


def check_exports_of_a_complete_run():
    """A start of a complete run names the exports that exist, not those that its recipe would write."""
    with Folder() as folder:
        place = Place(os.path.join(folder, "p")).recipe("checkpoint:", "  - {name: out, export: {format: hf, dir: one}}\ncheckpoint:")
        args = ("train", place.at("recipe.yaml"), "--out", place.at("run"))
        err = run(1, *args)[1]
        expect("exports: one (hf), final (filigree)\n" in err, err)
        os.rename(place.at("run/one"), place.at("moved"))
        err = run(1, *args)[1]
        command = f"filigree export {place.at('run')} --format hf {place.at('run')}/one"
        expect(f"{place.at('run')}/one does not exist, and the stage is done; write it with `{command}`" in err, err)
        os.rename(place.at("moved"), place.at("run/one"))
        err = run(1, *args, "--set", "stages.out.export.dir=two", "--set", "stages.out.export.format=filigree")[1]
        expect("stage out: done by an earlier start\n" in err, err)
        expect("exports: one (hf), final (filigree)\n" in err and "two\n" not in err.split("resuming")[1], err)
        run(1, "report", place.at("run"))
        page = open(place.at("run/report.html")).read()
        expect("<td>one</td><td>hf</td>" in page and "<td>two</td>" not in page, "the report names other exports")


def check_updates_over_masks():
    """Each stage that prunes, or that gives masked matrices an update, warns; the report has the zeros of the merged model."""
    with Folder() as folder:
        place = Place(os.path.join(folder, "p"))
        stages = ("  - {name: first, prune: {sparsity: 0.25}}\n"
                  "  - {name: more, method: {name: lora, rank: 2, targets: [intermediate.dense]}, train: {max_steps: 1}}\n"
                  "  - {name: second, prune: {sparsity: 0.5}}\n")
        place.recipe("checkpoint:", stages + "checkpoint:")
        err = run(1, "train", place.at("recipe.yaml"), "--out", place.at("run"))[1]
        for stage, count in (("first", "1 of 6 matrices that a mask prunes has"), ("more", "2 of 6 matrices that a mask prunes have"),
                             ("second", "2 of 6 matrices that a mask prunes have")):
            expect(f"stage {stage}: {count} an update D" in err, f"{stage} does not warn:\n{err}")
        records = [json.loads(line) for line in open(place.at("run/metrics.jsonl"))]
        end = records[-1]
        zeros = json.loads(run(1, "inspect", place.at("run/final"))[0])["sparsity"]
        expect((end["kind"], end["at"]) == ("model", "end") and abs(end["merged_sparsity"] - zeros) < 1e-9, f"{end}, {zeros}")
        expect(abs(end["sparsity"] - 0.5) < 0.01 and zeros < 0.4, f"{end}")
        run(1, "report", place.at("run"))
        page = open(place.at("run/report.html")).read()
        expect(f"{100 * zeros:.0f}%</div><p>of the encoder&#39;s weights are zero when the updates are merged" in page, page[:6000])


def check_closed_output():
    """A reader that has its line ends a command that only prints, without a message."""
    with Folder() as folder:
        place = Place(os.path.join(folder, "p"))
        place.write("many.txt", "the film was good\n" * 200000)
        process = start(1, "tokenize", place.at("model"), "--input", place.at("many.txt"))
        expect(process.stdout.readline().startswith("{"), "no line")
        process.stdout.close()
        err = process.stderr.read()
        expect(process.wait(timeout=60) == 3 and err == "", f"ended with {process.returncode}: {err}")
        place.trained()
        done = subprocess.run(["bash", "-c", '"$@" | true; exit ${PIPESTATUS[0]}', "_", BINARY, "report", place.at("run")],
                              env=environment(), capture_output=True, text=True, timeout=60)
        expect(done.returncode == 3 and "standard output: was closed by its reader before" in done.stderr, done.stderr)


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
check_start_that_does_not_open_the_run()
check_report_of_a_run_without_a_step()
check_pruned_base()
check_exports_of_a_complete_run()
check_updates_over_masks()
check_closed_output()
check_error_of_another_rank()
check_stop_between_stages()
check_backends()
