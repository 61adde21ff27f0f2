"""Signals to `filigree train`, early, late, twice, and to both ranks at once: the exit code is 75, and a resume finds a whole run.

Usage: signals.py [RANKS]"""
import concurrent.futures
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "inputs"))
from place import BINARY, Place, environment  # noqa: E402

RANKS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
MPIRUN = os.environ.get("FILIGREE_MPIRUN", "")
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP]
SECONDS = 60
STOPPED = 75


def start(place):
    """Many short steps, and a checkpoint at the end only: what is saved is saved because of the signal."""
    words = [BINARY, "train", place.at("recipe.yaml"), "--out", place.at("run")]
    if RANKS > 1:
        words = [MPIRUN, "-n", str(RANKS)] + words
    log = open(place.at("log"), "w")
    return subprocess.Popen(words, env=environment(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)


def new_place(folder, steps=100000):
    place = Place(os.path.join(folder, "p"))
    place.recipe("max_steps: 3", f"max_steps: {steps}").recipe("every: 1, keep: 3", "every: 0")
    return place.recipe("backend: single, ", "").recipe("log_every: 1", "log_every: 1000")


def ranks_of(process):
    """Processes of the program itself: children of mpirun, or the process."""
    if RANKS == 1:
        return [process.pid]
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat, open(f"/proc/{pid}/cmdline") as line:
                session = int(stat.read().rpartition(")")[2].split()[3])
                if session == process.pid and line.read().split("\0")[0] == BINARY:
                    found.append(int(pid))
        except (OSError, ValueError):  # it has just ended
            continue
    return found


def handles(pid, number):
    """Whether the process has set its handler: before, the loader of its libraries is at work."""
    try:
        with open(f"/proc/{pid}/status") as status:
            mask = next(line.split()[1] for line in status if line.startswith("SigCgt"))
        return bool(int(mask, 16) >> (number - 1) & 1)
    except (OSError, StopIteration):
        return False


def wait_for(process, condition, what):
    end = time.time() + SECONDS
    while not condition():
        if process.poll() is not None:
            raise AssertionError(f"it ended with {process.returncode} before {what}")
        if time.time() > end:
            raise AssertionError(f"{what} did not come")
        time.sleep(0.002)


def all_handle(process):
    pids = ranks_of(process)
    return len(pids) == RANKS and all(handles(pid, signal.SIGUSR1) for pid in pids)


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def text(place):
    return place.read("log").decode(errors="replace")


def end_of(process):
    try:
        return process.wait(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return "no end"


def after(seconds, numbers, only=None):
    """The signals 0.02 s apart, `seconds` after the ranks handle them; `only`: to this rank alone."""
    def case(place, process):
        wait_for(process, lambda: all_handle(process), "the handler")
        pids = ranks_of(process)
        time.sleep(seconds)
        for number in numbers:
            send(pids if only is None else pids[only:only + 1], number)
            time.sleep(0.02)
    names = " and ".join(number.name for number in numbers)
    return f"{names} after {seconds:.2f} s{'' if only is None else f' to rank {only}'}", case


def until_the_end(number):
    """A signal, and again every few milliseconds until nobody is left: after the checkpoint they are ignored."""
    def case(place, process):
        wait_for(process, lambda: os.path.exists(place.at("run/metrics.jsonl")), "the run's directory")
        time.sleep(0.5)
        while process.poll() is None:
            send(ranks_of(process), number)
            time.sleep(0.003)
    return f"{number.name} again and again", case


def cases():
    draw = random.Random(7)
    chosen = [after(0, [number]) for number in SIGNALS] if RANKS == 1 else [after(0, [signal.SIGTERM])]
    count = 16 if RANKS == 1 else 8
    for i in range(count):
        first, second = SIGNALS[i % len(SIGNALS)], draw.choice(SIGNALS)
        seconds = draw.choice((0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)) * (1 if RANKS == 1 else 1.5)
        only = draw.choice((None, None, 0, 1)) if RANKS > 1 else None
        chosen.append(after(seconds, [first] if i % 3 == 0 else [first, second], only))
    repeated = [number for number in SIGNALS if number != signal.SIGINT]  # a later SIGINT ends at once, see below
    return chosen + [until_the_end(number) for number in (repeated if RANKS == 1 else repeated[:2])]


def run_case(named):
    name, case = named
    with tempfile.TemporaryDirectory(prefix="filigree-signals-") as folder:
        place = new_place(folder)
        process = start(place)
        try:
            case(place, process)
            code = end_of(process)
        except AssertionError as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"{name}: {error}\n{text(place)}"
        if code != STOPPED:
            return f"{name}: exit code {code}, not {STOPPED}\n{text(place)}"
        said = text(place)
        if RANKS == 1 and "a checkpoint was written" not in said and "there was nothing to save" not in said:
            return f"{name}: no word about what was saved\n{said}"
        if left := ranks_of(process) if RANKS > 1 else []:
            return f"{name}: processes are left: {left}"
        return ""


def impatient():
    """A second SIGINT more than a second later, before the step is over, ends at once: also 75."""
    with tempfile.TemporaryDirectory(prefix="filigree-signals-") as folder:
        place = new_place(folder).table(*(["a film\t1", "dull\t0"] * 60000), name="dev")  # its evaluation takes long
        place.recipe("log_every: 1000", "log_every: 1\neval: {every: 1, batch_size: 1}")
        process = start(place)
        wait_for(process, lambda: os.path.exists(place.at("run/metrics.jsonl")) and b"grad_norm" in place.read("run/metrics.jsonl"),
                 "the first step")
        send([process.pid], signal.SIGINT)
        time.sleep(2.2)
        send([process.pid], signal.SIGINT)
        code = end_of(process)
        good = code == STOPPED and "SIGINT, sent again" in text(place)
        return "" if good else f"a second SIGINT: exit code {code}\n{text(place)}"


def ignored_hangup():
    """Under nohup a SIGHUP does nothing; the run goes on to its end."""
    with tempfile.TemporaryDirectory(prefix="filigree-signals-") as folder:
        place = new_place(folder, steps=300)
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        process = start(place)
        signal.signal(signal.SIGHUP, before)
        wait_for(process, lambda: handles(process.pid, signal.SIGUSR1), "the handler")
        send([process.pid], signal.SIGHUP)
        code = end_of(process)
        return "" if code == 0 else f"an ignored SIGHUP: exit code {code}\n{text(place)}"


def resume_is_whole():
    """What a signal leaves behind is a checkpoint that the same command goes on from."""
    with tempfile.TemporaryDirectory(prefix="filigree-signals-") as folder:
        place = new_place(folder)
        process = start(place)
        wait_for(process, lambda: os.path.exists(place.at("run/metrics.jsonl")) and place.read("run/metrics.jsonl").count(b"\n") > 2,
                 "the first steps")
        send(ranks_of(process), signal.SIGTERM)
        if (code := end_of(process)) != STOPPED:
            return f"SIGTERM in training: exit code {code}\n{text(place)}"
        steps = sorted(name for name in os.listdir(place.at("run/checkpoints")) if name.startswith("step-"))
        if not steps or f"at step {int(steps[-1][5:])};" not in text(place):
            return f"the newest checkpoint is not of the last step: {steps}\n{text(place)}"
        done = int(steps[-1][5:])
        process = start(place)
        wait_for(process, lambda: f"step-{done:08d}" in text(place), "the resume")
        send(ranks_of(process), signal.SIGTERM)
        code = end_of(process)
        return "" if code == STOPPED else f"SIGTERM after a resume: exit code {code}\n{text(place)}"


def main():
    with concurrent.futures.ThreadPoolExecutor(2 if RANKS == 1 else 1) as pool:
        wrong = [problem for problem in pool.map(run_case, cases()) if problem]
    more = [resume_is_whole] + ([impatient, ignored_hangup] if RANKS == 1 else [])
    for check in more:
        try:
            problem = check()
        except AssertionError as error:
            problem = f"{check.__name__}: {error}"
        wrong += [problem] if problem else []
    for problem in wrong:
        print("FAILED:", problem)
    print(f"{len(cases()) + len(more)} cases on {RANKS} ranks, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
