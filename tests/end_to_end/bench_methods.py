"""`filigree bench-methods`: a list with two recipes and external results, killed and stopped in the middle and resumed; failing
recipes; changed recipes; directories of others; two ranks; transformers and peft as the external program."""
import csv
import importlib.util
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree

from runs import BINARY, SOURCE, Folder, environment, expect, expect_same_metrics, run, start
from tiny import write_place

sys.path.insert(0, os.path.join(SOURCE, "tests/faults/user_files"))
from snapshot import changes, snapshot  # noqa: E402

STAGES = """\
  - name: adapt
    method: {name: METHOD}
    train: {max_steps: STEPS, batch_size: 4, lr: 1e-3}
"""
LIST = """\
name: tiny
methods:
  - {name: full, recipe: full.yaml}
  - {name: lora, recipe: lora.yaml, set: [stages.adapt.method.rank=2]}
"""
SEEDS = ("--seeds", "1,2")
LONG = 3000  # steps: longer than it takes to stop a run


def prepare(folder, methods=LIST, steps=6):
    """full.yaml, lora.yaml and list.yaml; returns the words that run the list."""
    write_place(folder, STAGES.replace("METHOD", "full").replace("STEPS", str(steps)), layers=2)
    with open(f"{folder}/recipe.yaml") as file:
        text = file.read()
    for name in ("full", "lora"):
        with open(f"{folder}/{name}.yaml", "w") as out:
            out.write(text.replace("name: tiny", f"name: {name}").replace("name: full}", f"name: {name}}}"))
    with open(f"{folder}/list.yaml", "w") as out:
        out.write(methods)
    return ("bench-methods", f"{folder}/list.yaml", "--output", f"{folder}/out")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def rows(folder, name="runs.csv"):
    with open(f"{folder}/out/{name}", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def by_run(folder):
    return {(row["method"], row["seed"]): row for row in rows(folder)}


def saved(folder, run_id):
    return json.loads(read(f"{folder}/out/results/{run_id}.json"))


def last_eval(run_dir):
    return [json.loads(line) for line in open(f"{run_dir}/metrics.jsonl") if '"kind":"eval"' in line][-1]


def wait_until(process, reached, what):
    end = time.time() + 120
    while not reached():
        expect(process.poll() is None and time.time() < end, f"{what}: not reached, exit code {process.poll()}")
        time.sleep(0.01)


def check_whole_bench():
    with Folder() as folder:
        external = {"runs": [{"seed": s, "metric": "accuracy", "split": "dev", "value": 0.5 + s / 10} for s in (1, 2)]}
        words = prepare(folder, LIST + "  - {name: other, external: other.json}\n")
        with open(f"{folder}/other.json", "w") as out:
            json.dump(external, out)
        out, err = run(1, *words, *SEEDS, "--dry-run")
        expect(out.count(f"{BINARY} train {folder}/full.yaml") == 2 and out.count("start ") == 4, out)
        expect("--set stages.adapt.method.rank=2 --set seed=2" in out and f"read   {folder}/other.json" in out, out)
        expect(not os.path.exists(f"{folder}/out"), "--dry-run made a directory")
        with open(f"{folder}/own.yaml", "w") as file:
            file.write(LIST.replace(".yaml", ".yaml, seeds: 4"))
        own = ("bench-methods", f"{folder}/own.yaml", "--output", f"{folder}/out", "--dry-run")
        note = f"note: --seeds 1,2 has no effect: each method of {folder}/own.yaml has its own seeds"
        expect(note in run(1, *own, *SEEDS)[1] and "--seeds" not in err + run(1, *own)[1], "a note about --seeds")
        out, err = run(1, *words, *SEEDS)
        expect(out == read(f"{folder}/out/bench.md"), "stdout is not the table")
        expect("[4/4] lora, seed 2: started" in err, err)
        found = by_run(folder)
        expect(set(found) == {(m, s) for m in ("full", "lora", "other") for s in "12"}, found)
        for (method, seed), row in found.items():
            if method == "other":
                continue
            record = last_eval(f"{folder}/out/runs/{method}-seed{seed}")
            expect(float(row["value"]) == record["accuracy"] and row["metric"] == "accuracy", f"{row}, {record}")
            expect(row["status"] == "done" and int(row["steps"]) == 6 and float(row["seconds"]) > 0, row)
            expect(int(row["peak_memory_bytes"]) > 1 << 20 and row["bytes_per_step"] == "", row)
        expect(float(found["lora", "1"]["trainable_share"]) < float(found["full", "1"]["trainable_share"]) <= 1, found)
        summary = {row["method"]: row for row in rows(folder, "bench.csv")}
        values = [float(found["full", s]["value"]) for s in "12"]
        expect(abs(float(summary["full"]["mean"]) - sum(values) / 2) < 1e-12, summary["full"])
        expect(abs(float(summary["full"]["deviation"]) - abs(values[0] - values[1]) / 2**0.5) < 1e-12, summary["full"])
        expect(abs(float(summary["other"]["mean"]) - 0.65) < 1e-12 and "| other (external) | 0.6500 ± 0.0707 |" in out, out)
        xml.etree.ElementTree.parse(f"{folder}/out/bench.svg")

        # Nothing is repeated, also without the directories of the runs.
        before = snapshot(f"{folder}/out")
        again, err = run(1, *words, *SEEDS)
        expect(again == out and "started" not in err, err)
        touched = [change for change in changes(before, snapshot(f"{folder}/out")) if not change.startswith(".lock")]
        expect(not touched, f"a second start changed {touched}")
        shutil.rmtree(f"{folder}/out/runs")
        expect(run(1, *words, *SEEDS)[0] == out, "a finished run was repeated")
        expect("is not in" not in err, err)
        err = run(1, *words, "--seeds", "1")[1]
        expect("note: " in err and "not in the table: full-seed2, lora-seed2" in err, err)
        check_changed_recipes(folder, words)


def check_changed_recipes(folder, words):
    """Nothing of a run of another recipe is used or lost."""
    before = snapshot(f"{folder}/out")
    err = run(1, *words, *SEEDS, "--set", "stages.adapt.train.lr=1e-4", expect=2)[1]
    expect(f"--output {folder}/out: contains runs of a different recipe" in err, err)
    expect(err.count("lr: 0.0001") == 4 and "lora-seed2, which differs in:" in err, err)
    expect(f"remove {folder}/out/runs/full-seed1 and {folder}/out/results/full-seed1.json" in err, err)
    err = run(1, *words, *SEEDS, "--ranks", "2", expect=2)[1]
    expect("- ranks: 1" in err and "+ ranks: 2" in err, err)
    run(1, *words, *SEEDS, "--set", "stages.adapt.train.lr=1e-4", "--dry-run", expect=2)
    # A mean over seeds is of one metric on one split: these keys do not change a run, but its row.
    err = run(1, *words, *SEEDS, "--set", "eval.best=loss", "--set", "eval.split=train", expect=2)[1]
    expect(err.count("- eval.best: the task's metric\n  + eval.best: loss") == 4, err)
    expect(err.count("- eval.split: dev\n  + eval.split: train") == 4, err)
    touched = [change for change in changes(before, snapshot(f"{folder}/out")) if not change.startswith(".lock")]
    expect(not touched, f"a refused start changed {touched}")
    out, err = run(1, *words, "--seeds", "1", "--set", "name=renamed")
    expect("note: full: the recipe differs" in err and "name: full, now renamed" in err, err)


def prepare_long(folder):
    """Both recipes train for so long that they can be stopped in the middle."""
    words = prepare(folder, steps=LONG)
    for name in ("full", "lora"):
        path = f"{folder}/{name}.yaml"
        text = read(path).replace("every: 1,", "every: 50,").replace("log_every: 1", "log_every: 50")
        with open(path, "w") as out:
            out.write(text)
    return words


def stop_in_the_middle(process, folder, number, resumes=0):
    """Sends a signal when the first run trains, having been resumed so often, and has a new checkpoint."""
    log, checkpoints = f"{folder}/out/runs/full-seed1/log.txt", f"{folder}/out/runs/full-seed1/checkpoints"
    before = newest(folder) if os.path.isdir(checkpoints) else 0
    wait_until(process, lambda: os.path.isdir(checkpoints) and newest(folder) > before and read(log).count("resuming from") == resumes,
               "a checkpoint")
    process.send_signal(number)
    return process.communicate(timeout=120)[1]


def newest(folder):
    """The step of the newest checkpoint; 0 without one."""
    names = os.listdir(f"{folder}/out/runs/full-seed1/checkpoints")
    return max([int(name[5:]) for name in names if name.startswith("step-")], default=0)


def processes_of(folder):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as line:
                if f"{folder}/out/runs/full-seed1" in line.read():
                    found.append(int(pid))
        except OSError:
            continue
    return found


def check_signals_and_kill():
    """Stopped and killed in the middle of its first run, a bench comes to the results of an undisturbed one."""
    with Folder() as folder:
        words = prepare_long(folder)
        for count, number in enumerate((signal.SIGTERM, signal.SIGINT)):
            process = start(1, *words, *SEEDS)
            err = stop_in_the_middle(process, folder, number, count)
            expect(process.returncode == 75, f"{number} ended it with {process.returncode}\n{err}")
            expect("Start the same command again to resume" in err and ("resumed" in err) == (count > 0), err)
            expect(saved(folder, "full-seed1")["status"] == "stopped" and not processes_of(folder), "the run still trains")
            expect(rows(folder) == [], "a run that is not done is in the table")
        # The run is told to stop when its bench is killed, and the next start waits for it.
        process = start(1, *words, *SEEDS)
        wait_until(process, lambda: read(f"{folder}/out/runs/full-seed1/log.txt").count("resuming from") == 2, "a resume")
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        expect(saved(folder, "full-seed1")["status"] == "running", "a killed bench cannot record that")
        err = run(1, *words, *SEEDS, "--set", "stages.adapt.train.lr=1e-4", expect=2)[1]
        expect("full-seed1, which differs in:" in err and "lora-seed1" not in err, err)
        run(1, *words, *SEEDS)
        found = by_run(folder)
        expect(len(found) == 4 and all(row["status"] == "done" for row in found.values()), found)
        expect(found["full", "1"]["seconds"] == "" and found["full", "1"]["peak_memory_bytes"] == "",
               "the time of the start whose bench was killed is unknown")
        expect(found["full", "2"]["seconds"] != "", found["full", "2"])
        run(1, "train", f"{folder}/full.yaml", "--set", "seed=1", "--out", f"{folder}/whole")
        expect_same_metrics(f"{folder}/whole", f"{folder}/out/runs/full-seed1", "a run of a bench that was stopped")


def write_huge_model(folder):
    """Weights whose products are beyond fp32: the loss is not finite."""
    shutil.copytree(f"{folder}/model", f"{folder}/huge")
    with open(f"{folder}/huge/model.safetensors", "r+b") as file:
        begin = 8 + struct.unpack("<Q", file.read(8))[0]
        count = (file.seek(0, os.SEEK_END) - begin) // 4
        file.seek(begin)
        file.write(struct.pack("<f", 1e38) * count)


def check_failures():
    """A run that fails is a row with its error, and the others run. The same command repeats it."""
    with Folder() as folder:
        methods = LIST + (f"  - {{name: huge, recipe: full.yaml, set: [model.path={folder}/huge]}}\n"
                          "  - {name: gone, recipe: lora.yaml, set: [data.train=none.tsv]}\n"
                          "  - {name: absent, external: absent.json}\n")
        words = prepare(folder, methods)
        write_huge_model(folder)
        out, err = run(1, *words, *SEEDS, expect=3)
        found = by_run(folder)
        expect(len(found) == 10, found)
        for method, says in (("huge", r"exit code 3: stage adapt: .*(loss|gradient norm) "), ("gone", "exit code 3: .*none.tsv"),
                             ("absent", "absent.json")):
            for seed in "12":
                row = found[method, seed]
                expect(row["status"] == "failed" and re.search(says, row["error"]) and row["value"] == "", row)
            expect(f"| {method} | 1 |" in out, out)
        expect(all(found[m, s]["status"] == "done" for m in ("full", "lora") for s in "12"), found)
        expect("6 of 10 runs failed" in err, err)
        err = run(1, *words, *SEEDS, expect=3)[1]
        expect("full, seed" not in err and "gone, seed 1: repeated" in err and "huge, seed 2: repeated" in err, err)
        # Faults of the list and its recipes are reported before anything runs.
        with open(f"{folder}/list.yaml", "w") as file:
            file.write(LIST + "  - {name: bad, recipe: full.yaml, set: [stages.adapt.train.lrr=1]}\n  - {name: none, recipe: none.yaml}\n")
        err = run(1, *words, *SEEDS, expect=2)[1]
        expect("list.yaml:5: methods.bad:\n--set stages.adapt.train.lrr: is not a key" in err, err)
        expect("methods.none:" in err and "none.yaml: there is no such file" in err, err)
        for more, says in ((("--set", "seed=3"), "--set seed=3: has no effect"), (("--seeds", "1,x"), "'x' is not a seed"),
                           (("--ranks", "0"), "--ranks is '0'")):
            err = run(1, *words, *more, expect=2)[1]
            expect(says in err, err)
        err = run(1, "bench-methods", f"{folder}/no.yaml", expect=2)[1]
        expect("no.yaml: there is no such file" in err, err)
        err = run(2, *words, *SEEDS, expect=2)[1]
        expect("start it without mpirun" in err, err)


def check_directories_of_others():
    with Folder() as folder:
        words = prepare(folder)[:2]
        os.makedirs(f"{folder}/mine/runs")
        for name in ("mine/runs.csv", "mine/notes.txt", "file"):
            with open(f"{folder}/{name}", "w") as out:
                out.write("mine\n")
        run(1, "train", f"{folder}/full.yaml", "--out", f"{folder}/run")
        os.symlink("nothing", f"{folder}/link")
        for name, says in (("mine", "is not empty and is not a bench of filigree; it contains notes.txt, runs, runs.csv"),
                           ("run", "is not a bench of filigree"), ("file", "is a file"), ("link", "is a link to nothing")):
            before = snapshot(folder)
            for more in ((), ("--dry-run",)):
                err = run(1, *words, *SEEDS, "--output", f"{folder}/{name}", *more, expect=2)[1]
                expect(says in err, err)
            expect(changes(before, snapshot(folder)) == [], changes(before, snapshot(folder)))
        # A run directory that is a user's: the run fails, and the directory stays as it is.
        run(1, *words, "--seeds", "1", "--output", f"{folder}/out")
        shutil.rmtree(f"{folder}/out/runs/full-seed1")
        os.remove(f"{folder}/out/results/full-seed1.json")
        os.makedirs(f"{folder}/out/runs/full-seed1")
        with open(f"{folder}/out/runs/full-seed1/thesis.tex", "w") as out:
            out.write("mine\n")
        err = run(1, *words, "--seeds", "1", "--output", f"{folder}/out", expect=3)[1]
        expect("full, seed 1: exit code 2: --out " in err and "it contains thesis.tex" in err, err)
        expect(os.listdir(f"{folder}/out/runs/full-seed1") == ["thesis.tex"], "the directory was changed")
        # What is kept of a run is damaged.
        kept = saved(folder, "lora-seed1")
        with open(f"{folder}/out/results/lora-seed1.json", "w") as out:
            out.write("{")
        err = run(1, *words, "--seeds", "1", "--output", f"{folder}/out", expect=3)[1]
        expect("lora-seed1.json:" in err and "remove the file to run it again" in err, err)
        with open(f"{folder}/out/results/lora-seed1.json", "w") as out:
            json.dump({**kept, "recipe": "name: [" + kept["recipe"]}, out)
        err = run(1, *words, "--seeds", "1", "--output", f"{folder}/out", expect=3)[1]
        expect("the recipe of the run lora-seed1:" in err and f"remove {folder}/out/runs/lora-seed1 and {folder}/out/results" in err, err)


def check_two_ranks():
    with Folder() as folder:
        words = prepare(folder)
        os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_rmaps_base_oversubscribe="1",
                          OMPI_MCA_btl_vader_single_copy_mechanism="none")
        out = run(1, *words, "--seeds", "1", "--ranks", "2")[0]
        found = by_run(folder)
        full, lora = float(found["full", "1"]["bytes_share"]), float(found["lora", "1"]["bytes_share"])
        expect(abs(full - 1) < 1e-9 and 0 < lora < 1, f"{full}, {lora}")
        expect("Seed 1, 2 ranks." in out and "| full |" in out, out)
        # A failure at the start of two ranks is told without the words of mpirun.
        with open(f"{folder}/list.yaml", "a") as file:
            file.write("  - {name: gone, recipe: lora.yaml, set: [data.train=none.tsv]}\n")
        run(1, *words, "--seeds", "1", "--ranks", "2", expect=3)
        expect(re.search("exit code 3: .*none.tsv", by_run(folder)["gone", "1"]["error"]), by_run(folder)["gone", "1"])


def check_signal_with_two_ranks():
    with Folder() as folder:
        words = prepare_long(folder)
        process = start(1, *words, "--seeds", "1", "--ranks", "2")
        err = stop_in_the_middle(process, folder, signal.SIGTERM)
        expect(process.returncode == 75 and not processes_of(folder), err)
        text = read(f"{folder}/out/runs/full-seed1/log.txt")
        expect("stopped by a signal at step" in text, text)


def check_transformers():
    """The script that makes external results: the same steps and trained parameters as filigree, and a file that is read."""
    script = os.path.join(SOURCE, "recipes/bench/transformers_peft.py")
    for package in ("transformers", "peft", "yaml"):
        if importlib.util.find_spec(package) is None:
            print(f"left out: {package} is not installed")
            return
    spec = importlib.util.spec_from_file_location("transformers_peft", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    expect(module.permutation(7, 10) == PERMUTATION, module.permutation(7, 10))
    with Folder() as folder:
        methods = LIST + "".join(f"  - {{name: {name}-hf, external: {name}.json}}\n" for name in ("full", "lora"))
        words = prepare(folder, methods)
        for name in ("full", "lora"):
            more = ["--set", "stages.adapt.method.rank=2"] if name == "lora" else []
            done = subprocess.run([sys.executable, script, f"{folder}/{name}.yaml", "--seeds", "1,2", "--output", f"{folder}/{name}.json",
                                   "--set", "data.max_train_samples=9", *more], env=environment(), capture_output=True, text=True)
            expect(done.returncode == 0, done.stderr[-2000:])
        run(1, *words, *SEEDS, "--set", "data.max_train_samples=9")
        found = by_run(folder)
        for name in ("full", "lora"):
            for seed in "12":
                own, other = found[name, seed], found[f"{name}-hf", seed]
                expect(own["steps"] == other["steps"] and own["trainable"] == other["trainable"], f"{own}\n{other}")
                expect(other["external"] == "true" and 0 <= float(other["value"]) <= 1, other)


PERMUTATION = [4, 2, 3, 6, 5, 9, 8, 7, 0, 1]  # tests/core/random_test.cpp
check_whole_bench()
check_failures()
check_directories_of_others()
check_signals_and_kill()
check_two_ranks()
check_signal_with_two_ranks()
check_transformers()
