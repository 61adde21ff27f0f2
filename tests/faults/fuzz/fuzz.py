"""Files damaged at random: a message and an exit code of the contract come out, never a crash, a hang or a text of a library.

Usage: fuzz.py [KIND [INDEX]]: all kinds, one, or one mutation whose folder is left for a look.
FILIGREE_FUZZ: mutations per kind; FILIGREE_FUZZ_SEED: another series."""
import concurrent.futures
import json
import os
import random
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "inputs"))
import kinds  # noqa: E402
from place import Place, environment  # noqa: E402

COUNT = int(os.environ.get("FILIGREE_FUZZ", "100"))
SEED = os.environ.get("FILIGREE_FUZZ_SEED", "1")
SECONDS, MEBIBYTES, MOST_RESIDENT = 20, 4096, 2000
CODES = (0, 2, 3, 75)
FORBIDDEN = re.compile(r"internal error|json\.exception|terminate called|what\(\)|\bc10\b|MPI_|std::|Exception raised|basic_string|"
                       r"vector::|bad_alloc|bug in filigree|please report|Traceback|0x7f|frame #|_M_|at::|libtorch|dnnl|primitive")


class Server:
    """fuzz_server, restarted when it has ended."""

    def __init__(self):
        self.process = subprocess.Popen([os.environ["FILIGREE_FUZZ_SERVER"], str(SECONDS), str(MEBIBYTES)], env=environment(),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def faults(result, printed):
    if result["late"]:
        yield f"it did not end in {SECONDS} s"
    elif result["signal"]:
        yield f"it died by signal {result['signal']}"
    elif result["code"] not in CODES:
        yield f"exit code {result['code']}"
    if result["code"] not in (0, None) and not printed.strip():
        yield "it failed without a word"
    found = FORBIDDEN.search(printed)
    if found:
        yield f"'{found.group()}' reached the user"
    if result["mib"] > MOST_RESIDENT:
        yield f"it took {result['mib']} MiB"


def call(server, place, command, more={}):
    result = server.run({"args": [word.replace("DIR", place.path) for word in command], "out": place.at("printed"), **more})
    return result, place.read("printed").decode(errors="replace")


def mutation(kind, index, place, server):
    """One damaged file and one command; returns what is wrong and what was printed."""
    draw = random.Random(f"{SEED} {kind.name} {index}")
    kinds.restore(place)
    name, command = draw.choice(kind.files), draw.choice(kind.commands)
    whole = place.read(name)
    place.write(name, kind.damage(whole, draw))
    result, printed = call(server, place, command, {"seal": place.at(name)} if kind.seal else {})
    wrong = list(faults(result, printed))
    return name, command, wrong, result, printed, whole


def run_kind(kind):
    """A base that is bad already would test nothing: each command succeeds on it."""
    wrongs, codes, server = [], {}, Server()
    with tempfile.TemporaryDirectory(prefix="filigree-fuzz-") as folder:
        place = kind.prepare(Place(os.path.join(folder, "p")))
        for command in kind.commands:
            kinds.restore(place)
            result, printed = call(server, place, command)
            if result["code"] != 0:
                wrongs.append(f"{kind.name}: {command[0]} fails undamaged: {result}\n    {printed.strip()[:400]}")
        for index in range(COUNT):
            name, command, wrong, result, printed, whole = mutation(kind, index, place, server)
            place.write(name, whole)
            codes[result["code"]] = codes.get(result["code"], 0) + 1
            if wrong:
                wrongs.append(f"{kind.name} {index}: {command[0]} of a damaged {name}: {'; '.join(wrong)}\n    {printed.strip()[:400]}")
    server.close()
    return kind, codes, wrongs


def look_at(kind, index):
    folder = tempfile.mkdtemp(prefix="filigree-fuzz-")
    place, server = kind.prepare(Place(os.path.join(folder, "p"))), Server()
    name, command, wrong, result, printed, _ = mutation(kind, index, place, server)
    server.close()
    print(f"{place.path}: {' '.join(command)}; {name} is damaged\n{result}\n{printed}\n{'; '.join(wrong) or 'good'}")
    return 1 if wrong else 0


def main():
    chosen = [kind for kind in kinds.KINDS if len(sys.argv) < 2 or kind.name == sys.argv[1]]
    if len(sys.argv) > 2:
        return look_at(chosen[0], int(sys.argv[2]))
    bad = total = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for kind, codes, wrongs in pool.map(run_kind, chosen):
            total += sum(codes.values())
            bad += len(wrongs)
            told = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items(), key=str))
            print(f"{kind.name}: {told}", *wrongs, sep="\nFAILED: ", flush=True)
            if COUNT >= 50 and codes.get(0, 0) == COUNT and not kind.harmless:
                bad += 1
                print(f"FAILED: {kind.name}: no mutation did harm")
    print(f"{total} mutations of {len(chosen)} kinds, {bad} failures")
    return 1 if bad or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
