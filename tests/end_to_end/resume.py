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


with Folder() as folder:
    recipe = write_recipe(folder, steps=40, limit=400, every=3, eval_every=25)
    began = time.time()
    run(RANKS, "train", recipe, "--out", f"{folder}/whole")
    duration = time.time() - began
    print(f"undisturbed: {duration:.1f} s")

    killed = 0
    while killed < 10:
        process = start(RANKS, "train", recipe, "--out", f"{folder}/broken")
        try:
            process.communicate(timeout=random.uniform(0.3, 0.7) * duration)
            break
        except subprocess.TimeoutExpired:
            kill_all(process)
            killed += 1
    print(f"killed {killed} times")
    expect(killed >= 5, f"the run ended after {killed} kills: make it longer")
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
