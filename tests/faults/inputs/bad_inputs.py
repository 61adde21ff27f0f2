"""One fault a row: the program refuses each with its own message and exit code; no trace of its inside reaches the user.

Usage: bad_inputs.py [NAME]: all rows, or those whose names hold NAME, with all that they print.
"""
import concurrent.futures
import subprocess
import sys
import tempfile

import command_rows
import data_rows
import model_rows
import recipe_rows
import run_rows
import stage_rows
from place import Place
from rows import TRAIN, Row, Skip, faults

FEWEST = 60
SECONDS = 120
ROWS = recipe_rows.ROWS + model_rows.ROWS + data_rows.ROWS + run_rows.ROWS + stage_rows.ROWS + command_rows.ROWS
# What every row starts from is good, and a damaged checkpoint does not end a run that has an older one.
GOOD = [
    Row("nothing is wrong", "", TRAIN, code=0),
    Row("newest checkpoint is cut off", "skipping DIR/run/checkpoints/step-00000003: ", TRAIN,
        lambda place: place.trained().cut(run_rows.LAST + "/trained.safetensors", -8), 0),
] + data_rows.GOOD + command_rows.GOOD


def outcome(row, place):
    process = place.start(row.args)
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        return None, out or "", err
    return process.returncode, out or "", err


def run(row):
    """The row, what is wrong with it, why it was skipped, and what it printed."""
    with tempfile.TemporaryDirectory(prefix="filigree-bad-") as folder:
        place = Place(folder)
        try:
            row.spoil(place)
            code, out, err = outcome(row, place)
            return row, faults(row, code, out, err, folder), "", f"{out}{err}"
        except Skip as reason:
            return row, [], str(reason), ""
        except (ValueError, OSError, subprocess.SubprocessError) as error:
            return row, [f"the row could not be set up: {error}"], "", ""
        finally:
            for undo in reversed(place.after):
                undo()


def same_names_or_messages():
    """Each row has a name of its own, and a message unless it only has to succeed."""
    for values in ([row.name for row in ROWS], [row.says for row in ROWS if row.says]):
        for value in sorted({value for value in values if values.count(value) > 1}):
            yield f"two rows have '{value}'"


def main():
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    rows = [row for row in ROWS + GOOD if wanted in row.name]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, rows))
    failed = skipped = 0
    for row, wrong, reason, printed in results:
        if reason:
            skipped += 1
            print(f"skipped: {row.name}: {reason}")
        elif wrong or wanted:
            failed += bool(wrong)
            print(f"{'FAILED' if wrong else 'good'}: {row.name}: {'; '.join(wrong)}\n{printed}")
    for problem in same_names_or_messages():
        failed += 1
        print("FAILED:", problem)
    ran = len(rows) - skipped
    print(f"{ran} rows ran, {skipped} were skipped, {failed} failed")
    if not wanted and ran < FEWEST:
        print(f"FAILED: fewer than {FEWEST} rows ran")
        failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
