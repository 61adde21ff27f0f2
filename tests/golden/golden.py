"""Losses, evaluations, pruned units and bytes per step of short runs, compared with the text files beside this script.

    golden.py CASE...      runs the cases and compares; all of them without a name
    golden.py --renew CASE...   writes the files anew: look at the diff before you commit it

What may differ: CPUs add fp32 numbers in different orders, which changes a loss by less than 1e-5 of itself per step
and, after a few dozen updates, by less than TOLERANCE. Counts, steps, bytes and the units that a prune keeps are equal.
On one machine two runs are equal bit for bit, which the case `dsee_1x1` tests by running twice.
"""
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "end_to_end"))
from cases import CASES  # noqa: E402
from runs import Folder, metrics, run  # noqa: E402

TOLERANCE = {"loss": 2e-4, "grad_norm": 2e-3, "lr": 1e-9, "sparsity": 0.0, "merged_sparsity": 0.0, "flops_ratio": 0.0}
SHARE = 0.015  # accuracy and the like: a sample at the boundary between two classes may change sides
LEFT_OUT = {"kind", "stage", "step", "split", "epoch", "stage_step", "metric", "comm", "seconds", "peak_rss_bytes"}
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?$")


def text_of(value):
    if isinstance(value, float):
        return f"{value:.7g}"
    if isinstance(value, list):
        return ",".join(text_of(item) for item in value)
    return str(value)


def line_of(record):
    """kind stage step, then the fields by name: "train adapt 1 comm_bytes=248 loss=0.6931 lr=0.001"."""
    head = [record["kind"], record["stage"], str(record["step"])] + ([record["split"]] if "split" in record else [])
    fields = [f"{key}={text_of(value)}" for key, value in sorted(record.items()) if key not in LEFT_OUT]
    return " ".join(head + fields)


def kept_units(run_dir):
    """One line per group of heads or neurons that a plan names."""
    folder = os.path.join(run_dir, "plans")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        for group in json.load(open(os.path.join(folder, name)))["groups"]:
            yield f"{name} layer {group['layer']} {group['kind']} {text_of(group['kept'])}"


def lines_of(case, folder, out):
    run(case.ranks, "train", case.recipe(folder), "--out", os.path.join(folder, out), *case.options)
    run_dir = os.path.join(folder, out)
    return [line_of(record) for record in metrics(run_dir, ("train", "eval", "prune"))] + list(kept_units(run_dir))


def fields(line):
    return [part.partition("=")[::2] for part in line.split(" ")]


def allowed(key, wanted):
    """How far a number may be away."""
    if key in TOLERANCE:
        return TOLERANCE[key] * abs(float(wanted))
    return 0.0 if wanted.lstrip("-").isdigit() else SHARE


def difference(wanted, found):
    """What is different about a line, or nothing."""
    a, b = fields(wanted), fields(found)
    if [key for key, _ in a] != [key for key, _ in b]:
        return "other words or fields"
    for (key, x), (_, y) in zip(a, b):
        if x == y:
            continue
        if not (NUMBER.match(x) and NUMBER.match(y)):
            return f"{key}: {x} has become {y}"
        away = abs(float(x) - float(y))
        if away > allowed(key, x):
            return f"{key}: {x} has become {y}, {away:.3g} away; allowed is {allowed(key, x):.3g}"
    return ""


def first_difference(name, wanted, found):
    for number, (a, b) in enumerate(zip(wanted, found), 1):
        if reason := difference(a, b):
            return f"{name}.txt:{number}: {reason}\n  file  {a[:300]}\n  run   {b[:300]}"
    return "" if len(wanted) == len(found) else f"{name}.txt has {len(wanted)} lines, the run {len(found)}"


def compare(name, case, renew):
    path = os.path.join(HERE, name + ".txt")
    with Folder() as folder:
        found = lines_of(case, folder, "run")
        if renew:
            with open(path, "w") as out:
                out.write("\n".join(found) + "\n")
            return ""
        again = lines_of(case, folder, "again") if case.twice else found
    for number, (a, b) in enumerate(zip(found, again), 1):
        if a != b:
            return f"{name}: two runs on this machine differ in line {number}\n  {a[:300]}\n  {b[:300]}"
    return first_difference(name, open(path).read().splitlines(), found)


def main(words):
    renew = "--renew" in words
    names = [word for word in words if word != "--renew"] or list(CASES)
    failed = 0
    for name in names:
        if reason := CASES[name].lacks():
            print(f"skipped: {name}: {reason}")
            continue
        problem = compare(name, CASES[name], renew)
        failed += bool(problem)
        print(f"FAILED: {problem}" if problem else f"{name}: {'written' if renew else 'the same'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
