"""Promise 2: a run that is stopped and resumed ends with the metrics of an undisturbed one, bit for bit.

Ten SIGKILLs at random moments (of the whole job), then a SIGTERM that must end with exit code 75."""
import random
import sys
import time

from runs import Folder, expect, expect_same_metrics, interrupt, kill, lines, run, start, wait_for, write_recipe

RANKS = int(sys.argv[1]) if len(sys.argv) > 1 else 2
random.seed(int(sys.argv[2]) if len(sys.argv) > 2 else 1)


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
    recipe = write_recipe(folder, steps=40, train=400, every=3, eval_every=25, size=4)
    run(RANKS, "train", recipe, "--out", f"{folder}/whole")

    killed = 0
    while killed < 10:
        process = start(RANKS, "train", recipe, "--out", f"{folder}/broken")
        if not random_moment(process, f"{folder}/broken"):
            _, err = process.communicate()
            expect(process.returncode == 0, f"a resumed run ended with {process.returncode}\n{err[-3000:]}")
            break
        kill(process)
        killed += 1
        print(f"kill {killed} with {lines(folder + '/broken')} lines of metrics")
    expect(killed == 10, f"the run ended after {killed} kills: make it longer")
    run(RANKS, "train", recipe, "--out", f"{folder}/broken")
    expect_same_metrics(f"{folder}/whole", f"{folder}/broken", f"{killed} SIGKILLs")

    process = start(RANKS, "train", recipe, "--out", f"{folder}/asked")
    wait_for(process, f"{folder}/asked", lambda records: records)
    interrupt(process)
    run(RANKS, "train", recipe, "--out", f"{folder}/asked")
    expect_same_metrics(f"{folder}/whole", f"{folder}/asked", "SIGUSR1 and a restart")
