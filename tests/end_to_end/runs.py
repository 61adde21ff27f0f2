"""Shared by the end-to-end tests: starts filigree alone or under mpirun and reads what a run wrote."""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BINARY = os.environ["FILIGREE_BINARY"]
SOURCE = os.environ["FILIGREE_SOURCE"]
HOME = os.environ.get("FILIGREE_HOME", os.path.expanduser("~/.cache/filigree"))
MODELS = os.environ.get("FILIGREE_MODELS", os.path.join(HOME, "models"))
TIMINGS = {"tokens_per_s", "step_ms"}

HEAD = """
name: e2e
seed: 7
model: {path: "${FILIGREE_MODELS}/minilm-l6", task: sequence_classification}
data: {format: tsv, dir: "DATA", text: [gloss], label: class, metric: accuracy, max_length: 64}
parallel: {precision: PRECISION, device: cpu, timeout: 120}
stages:
"""
STAGES = """
  - name: adapt
    method: {name: dsee, rank: 4, num_sparse: 16, targets: [query, value], support: grebsmo}
    train: {max_steps: STEPS, batch_size: SIZE, lr: 2e-3, warmup: 0.1}
  - name: prune
    prune: {structure: [heads, ffn], heads: 0.25, ffn: 0.4, score: magnitude+delta}
  - name: recover
    train: {max_steps: STEPS, batch_size: SIZE, lr: 1e-3}
"""
TAIL = """
checkpoint: {every: EVERY, keep: 3}
eval: {every: EVAL, batch_size: 64}
log_every: 1
"""


def write_data(folder, train=800, dev=160):
    """A small task: noun glosses of WordNet and the first of their six most frequent lexicographer files."""
    rows = []
    with open("/usr/share/wordnet/data.noun", encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith("  ") and int(line.split()[1]) in (5, 6, 10, 15, 18, 20):
                rows.append((line.split("|", 1)[1].strip().replace("\t", " "), line.split()[1]))
    rows = rows[:: len(rows) // (train + dev)][: train + dev]
    every = (train + dev) // dev
    parts = {"dev.tsv": rows[::every][:dev], "train.tsv": [row for i, row in enumerate(rows) if i % every][:train]}
    for name, part in parts.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            out.write("gloss\tclass\n" + "".join(f"{gloss}\t{label}\n" for gloss, label in part))


def write_recipe(folder, steps=10, train=800, dev=40, precision="fp32", every=3, eval_every=1000, stages=STAGES, size=8):
    write_data(folder, train=train, dev=dev)
    text = HEAD + stages + TAIL
    path = os.path.join(folder, "recipe.yaml")
    for key, value in (("STEPS", steps), ("DATA", folder), ("PRECISION", precision), ("EVERY", every), ("EVAL", eval_every),
                       ("SIZE", size)):
        text = text.replace(key, str(value))
    with open(path, "w") as out:
        out.write(text)
    return path


def command(ranks, *args):
    prefix = [os.path.join(SOURCE, "tests/support/mpirun.sh"), "-n", str(ranks)] if ranks > 1 else []
    return prefix + [BINARY, *args]


def environment():
    return dict(os.environ, OMP_NUM_THREADS="1")


def start(ranks, *args, **options):
    return subprocess.Popen(command(ranks, *args), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, start_new_session=True, **options)


def run(ranks, *args, expect=0, timeout=600):
    return finish(start(ranks, *args), args, expect, timeout)


def run_side_by_side(commands):
    """Commands of one rank each at the same time, one per core of a test that has two."""
    for process, args in [(start(1, *args), args) for args in commands]:
        finish(process, args)


def finish(process, args, expect=0, timeout=600):
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        fail(f"{args} did not end within {timeout} s\n{err[-3000:]}")
    if process.returncode != expect:
        fail(f"{' '.join(args)} ended with {process.returncode}, not {expect}\n{out[-2000:]}\n{err[-4000:]}")
    return out, err


def kill(process):
    """SIGKILL to mpirun and every rank: they are of one session."""
    for pid in subprocess.run(["ps", "-o", "pid=", "-s", str(process.pid)], capture_output=True, text=True).stdout.split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.communicate()


def lines(run_dir):
    path = os.path.join(run_dir, "metrics.jsonl")
    return open(path).read().count("\n") if os.path.exists(path) else 0


def wait_for(process, run_dir, reached, timeout=120):
    """Returns when `reached` accepts the records that the run has written so far, at least one."""
    end = time.time() + timeout
    while not (lines(run_dir) and (records := metrics(run_dir, whole_lines_only=True)) and reached(records)):
        if process.poll() is not None:
            fail(f"{run_dir} ended with {process.returncode} before it came so far\n{process.communicate()[1][-3000:]}")
        if time.time() > end:
            kill(process)
            fail(f"{run_dir} did not come so far within {timeout} s")
        time.sleep(0.005)


def interrupt(process):
    """SIGUSR1, which must end the run with a checkpoint and exit code 75."""
    process.send_signal(signal.SIGUSR1)
    _, err = process.communicate(timeout=120)
    expect(process.returncode == 75, f"SIGUSR1 ended the run with {process.returncode}, not 75\n{err[-2000:]}")


def checkpoint_steps(run_dir):
    """The steps of the checkpoints, oldest first."""
    return sorted(int(name[5:]) for name in os.listdir(os.path.join(run_dir, "checkpoints")) if name.startswith("step-"))


def checkpoint(run_dir, step=None):
    """The folder of the checkpoint of `step`, or of the newest."""
    step = checkpoint_steps(run_dir)[-1] if step is None else step
    return os.path.join(run_dir, "checkpoints", f"step-{step:08d}")


def run_state(checkpoint_dir):
    with open(os.path.join(checkpoint_dir, "manifest.json")) as manifest:
        return json.load(manifest)["state"]["run"]


def metrics(run_dir, kinds=("train", "eval", "prune"), whole_lines_only=False):
    with open(os.path.join(run_dir, "metrics.jsonl")) as file:
        records = [json.loads(line) for line in file if line.endswith("\n") or not whole_lines_only]
    return [{k: v for k, v in r.items() if k not in TIMINGS} for r in records if r["kind"] in kinds]


def without_comm(records):
    """What is sent depends on the mesh and on what is sharded."""
    return [{k: v for k, v in r.items() if k not in ("comm", "comm_bytes")} for r in records]


def expect_same_metrics(whole, resumed, what):
    """Two runs' lines, bit for bit."""
    a, b = metrics(whole), metrics(resumed)
    for x, y in zip(a, b):
        expect(x == y, f"{what}: first difference:\n  undisturbed {x}\n  resumed     {y}")
    expect(len(a) == len(b), f"{what}: {len(a)} lines undisturbed, {len(b)} resumed")


def killed_and_resumed(recipe, whole, steps, out):
    """Kills a run of two ranks at a random one of its steps; resumed, it has the metrics of `whole`. The state it resumed from."""
    at = random.randrange(2, steps)
    process = start(2, "train", recipe, "--out", out)
    wait_for(process, out, lambda records: records[-1]["step"] >= at)
    kill(process)
    state = run_state(checkpoint(out))
    run(2, "train", recipe, "--out", out)
    expect_same_metrics(whole, out, f"SIGKILL, resumed from step {state['global_step']}")
    return state


def relative(a, b):
    return max(abs(x - y) / abs(x) for x, y in zip(a, b, strict=True))


def losses(run_dir, stage):
    return [r["loss"] for r in metrics(run_dir, ("train",)) if r["stage"] == stage]


def fail(message):
    print("FAILED:", message)
    sys.exit(1)


def expect(condition, message):
    if not condition:
        fail(message)


class Folder:
    """A temporary folder that is kept when the test fails, for a look."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="filigree-e2e-")
        return self.path

    def __exit__(self, kind, *_):
        if kind is None:
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            print("left for a look:", self.path)
