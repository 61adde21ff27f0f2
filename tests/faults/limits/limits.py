"""Each number of a recipe at both ends of its range, in a real run: it works, or is refused in plain words; it never crashes,
hangs or ends as an internal error. The keys and ranges are those of docs/recipe-reference.md."""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "inputs"), os.path.join(HERE, "..", "fuzz")]
from fuzz import FORBIDDEN  # noqa: E402
from place import Place  # noqa: E402

REFERENCE = os.path.join(HERE, "..", "..", "..", "docs", "recipe-reference.md")
SECONDS_OF_TRAINING, SECONDS_TO_END = 4, 60
MORE_STAGES = """\
  - name: prune
    prune: {structure: [heads, ffn], heads: 0.5, ffn: 0.5, score: taylor, batches: 2}
  - name: recover
    train: {max_steps: 2, batch_size: 4, lr: 1e-3, distill: {weight: 0.5}}
  - name: out
    export: {format: hf}
checkpoint:"""


def numbers():
    """(section, key, lowest, highest) of each number."""
    section = ""
    with open(REFERENCE) as lines:
        for line in lines:
            if header := re.match(r"## `(.*)`", line):
                section = header[1] + "."
            row = re.match(r"\| `(\w+)` \| (whole number|number) \| .*?; (at least|above) (\S+)(?: and (at most|below) ([^\s;,|]+))?", line)
            if row:
                low, high = float(row[4]), float(row[6]) if row[6] else 2.0**63 - 1025
                tiny = 1e-9  # beside an end that is not included
                ends = (low if row[3] == "at least" else low + tiny, high if row[5] != "below" else high - tiny)
                whole = row[2] == "whole number"
                yield section, row[1], [f"{int(end)}" if whole else f"{end!r}" for end in ends]


def set_of(section, key, value):
    """The argument of --set, and the method that the recipe needs for it."""
    method = re.match(r"stages\[\]\.method\((\w+)\)\.", section)
    if method:
        return f"stages.adapt.method.{key}={value}", method[1]
    stage = {"stages[].prune.": "prune", "stages[].export.": "out", "stages[].train.distill.": "recover"}.get(section, "adapt")
    return section.replace("stages[]", f"stages.{stage}") + f"{key}={value}", "lora"


def commands(place, argument):
    """A run that trains on is stopped by a signal; timeout(1) then gives the program's own code, 75."""
    program = os.environ["FILIGREE_BINARY"]
    yield ["timeout", "--preserve-status", "-k", str(SECONDS_TO_END), str(SECONDS_OF_TRAINING), program, "train",
           place.at("recipe.yaml"), "--out", place.at("run"), "--set", argument]
    yield ["timeout", "-s", "KILL", str(SECONDS_TO_END), program, "plan", place.at("recipe.yaml"), "--ranks", "2", "--set", argument]


def problems(case):
    section, key, value = case
    argument, method = set_of(section, key, value)
    with tempfile.TemporaryDirectory(prefix="filigree-limits-") as folder:
        place = Place(os.path.join(folder, "p"))
        place.recipe("name: lora, rank: 2", f"name: {method}, rank: 2").recipe("checkpoint:", MORE_STAGES)
        found = []
        for words in commands(place, argument):
            done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                                  env=dict(os.environ, OMP_NUM_THREADS="1"))
            if done.returncode not in (0, 2, 3, 75):
                found.append(f"{argument}: {' '.join(words[5:8])} ended with {done.returncode}: {done.stderr[-400:]}")
            if text := FORBIDDEN.search(done.stderr):
                found.append(f"{argument}: '{text.group()}' reached the user: {done.stderr[-400:]}")
        return found


def main():
    cases = [(section, key, value) for section, key, values in numbers() for value in values]
    if len(cases) < 80:
        print(f"FAILED: only {len(cases)} ends of ranges are in the reference")
        return 1
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wrong = [problem for found in pool.map(problems, cases) for problem in found]
    for problem in wrong:
        print("FAILED:", problem)
    print(f"{len(cases)} ends of ranges, {len(wrong)} failures")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
