"""Promise 2: a run that is stopped and resumed ends with the metrics of an undisturbed one, bit for bit.

Ten SIGKILLs at random moments (of the whole job), then a SIGTERM that must end with exit code 75."""
import os
import random
import signal
import subprocess
import sys
import time

from runs import Folder, expect, metrics, run, start, write_recipe

RANKS = int(sys.argv[1]) if len(sys.argv) > 1 else 2
random.seed(int(sys.argv[2]) if len(sys.argv) > 2 else 1)


def kill_all(process):
    """SIGKILL to mpirun and every rank: they are of one session."""
    for pid in subprocess.run(["ps", "-o", "pid=", "-s", str(process.pid)], capture_output=True, text=True).stdout.split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.communicate()


def lines(run_dir):
    path = f"{run_dir}/metrics.jsonl"
    return open(path).read().count("\n") if os.path.exists(path) else 0


def random_moment(process, run_dir):
    """Waits for a random moment of the run: at its start-up, or some steps after where it resumed. False when it ended."""
    steps = random.choice([0, 3, 6, 9, 11, 13])
    before = lines(run_dir)
    grown = time.time() + (0 if steps == 0 else 120)
    while steps and process.poll() is None and time.time() < grown:
        now = lines(run_dir)
        if now < before:  # cut back to the checkpoint that it resumed from
            before = now
        if now >= before + steps:
            break
        time.sleep(0.005)
    time.sleep(random.uniform(0, 0.05 if steps else 2))
    return process.poll() is None


with Folder() as folder:
    recipe = write_recipe(folder, steps=40, train=400, every=3, eval_every=25)
    run(RANKS, "train", recipe, "--out", f"{folder}/whole")

    killed = 0
    while killed < 10:
        process = start(RANKS, "train", recipe, "--out", f"{folder}/broken")
        if not random_moment(process, f"{folder}/broken"):
            _, err = process.communicate()
            expect(process.returncode == 0, f"a resumed run ended with {process.returncode}\n{err[-3000:]}")
            break
        kill_all(process)
        killed += 1
        print(f"kill {killed} with {lines(folder + '/broken')} lines of metrics")
    expect(killed == 10, f"the run ended after {killed} kills: make it longer")
    run(RANKS, "train", recipe, "--out", f"{folder}/broken")
    whole, broken = metrics(f"{folder}/whole"), metrics(f"{folder}/broken")
    for a, b in zip(whole, broken):
        expect(a == b, f"first difference:\n  undisturbed {a}\n  resumed     {b}")
    expect(len(whole) == len(broken), f"{len(whole)} lines undisturbed, {len(broken)} resumed")

    process = start(RANKS, "train", recipe, "--out", f"{folder}/asked")
    while not os.path.exists(f"{folder}/asked/metrics.jsonl") or not metrics(f"{folder}/asked"):
        expect(process.poll() is None, "the run ended before its first step")
        time.sleep(0.05)
    process.send_signal(signal.SIGUSR1)
    _, err = process.communicate(timeout=120)
    expect(process.returncode == 75, f"SIGUSR1 ended the run with {process.returncode}, not 75\n{err[-2000:]}")
    run(RANKS, "train", recipe, "--out", f"{folder}/asked")
    expect(metrics(f"{folder}/asked") == whole, "after SIGUSR1 and a restart the metrics differ from an undisturbed run's")
