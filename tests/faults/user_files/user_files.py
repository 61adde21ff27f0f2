"""No command loses, changes or adds to a user's files, in whatever position their directory is named.

    user_files.py [part...]     parts: directories names inside links exports runs readers vanished streams setup
"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

from place import BINARY, Place, environment
from snapshot import USERS_FILES, changes, contents, fill, snapshot

PRUNE_AND_EXPORT = """\
  - name: prune
    prune: {structure: [ffn], ffn: 0.3}
  - name: out
    export: {dir: export}
checkpoint:"""
problems = []


def expect(condition, message):
    if not condition:
        problems.append(message)
        print("FAIL", message, flush=True)


def filigree(place, *args, code=0, says="", cwd=None, env=None):
    words = [word.replace("DIR", place.path) for word in args]
    done = subprocess.run([BINARY, *words], env=env or environment(), capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, cwd=cwd or place.path)
    expect(done.returncode == code, f"{' '.join(args)}: exit code {done.returncode}, not {code}\n{done.stderr}")
    expect(says.replace("DIR", place.path) in done.stderr, f"{' '.join(args)}: no '{says}' in:\n{done.stderr}")
    return done


class Room:
    """A place that is removed at the end, with a recipe that prunes and exports."""

    def __enter__(self):
        self.base = tempfile.mkdtemp(prefix="filigree-user-files-")
        place = Place(os.path.join(self.base, "place"))
        place.recipe("checkpoint:", PRUNE_AND_EXPORT)
        return place

    def __exit__(self, *_):
        shutil.rmtree(self.base)


def names_last_process(folder, change):
    """The lock file of a run of filigree names the process that opened it last."""
    name = change.split(": ")[0]
    return os.path.basename(name) == ".lock" and os.path.exists(os.path.join(folder, os.path.dirname(name), ".filigree"))


def untouched(place, folder, *args, **how):
    before = snapshot(folder)
    done = filigree(place, *args, **how)
    for change in changes(before, snapshot(folder)):
        if not names_last_process(folder, change):
            expect(False, f"{' '.join(args)} changed {change}")
    return done


def directories():
    """--out and the directory of an export, full of a user's files."""
    with Room() as place:
        place.trained()
        mine = fill(place.at("mine"))
        refused = "--out DIR/mine: is not empty and is not a run of filigree; it contains .lock, "
        for more in ([], ["--resume", "never"], ["--resume", "DIR/run"], ["--resume", "DIR/run/checkpoints/step-00000002"]):
            untouched(place, mine, "train", "DIR/recipe.yaml", "--out", "DIR/mine", *more, code=2, says=refused)
        for form in ("hf", "hf_pruned", "peft", "peft_supertuning", "filigree"):
            untouched(place, mine, "export", "DIR/run", "--format", form, "DIR/mine", code=2,
                      says=f"format {form}" if form.startswith("peft") else "is not empty")
        shutil.copy(place.at("recipe.yaml"), place.at("mine/my-recipe.yaml"))
        untouched(place, mine, "train", "my-recipe.yaml", "--out", ".", code=2, says="is not a run of filigree", cwd=mine)
        for name, text in USERS_FILES.items():  # one alone is enough
            alone = fill(place.at("alone"), {name: text})
            untouched(place, alone, "train", "DIR/recipe.yaml", "--out", "DIR/alone", code=2, says="is not a run")
            shutil.rmtree(alone)
        os.symlink(mine, place.at("link"))
        untouched(place, mine, "train", "DIR/recipe.yaml", "--out", "DIR/link", code=2, says="is not a run of filigree")
        untouched(place, mine, "export", "DIR/run", "--format", "hf", "DIR/link", code=2, says="is a symbolic link")
        run = place.at("run")
        for target in ("DIR/run", "DIR/run/", "DIR/run/final", "DIR/run/checkpoints", "DIR/run/metrics.jsonl",
                       "DIR/run/final/../final"):
            untouched(place, run, "export", "DIR/run", "--format", "hf", target, code=2)


def names():
    """export.dir with a name that filigree uses itself, or that leads elsewhere."""
    taken = [".", "./", "./.", "..", "../x", "a/../b", "/tmp/x", ".hidden", ".lock", ".filigree", ".tmp-export-x", "checkpoints",
             "checkpoints/step-00000003", "checkpoints/x", "metrics.jsonl", "log.txt", "recipe.yaml", "cache", "cache/x",
             "final", "final/x", "plans", "report.html", "events.out.tfevents.1.host.1.0", "export/"]
    with Room() as place:
        whole = place.read("recipe.yaml")
        place.recipe("checkpoint:", "".join(f"  - name: taken{i}\n    export: {{dir: '{name}'}}\n"
                                            for i, name in enumerate(taken)) + "checkpoint:")
        told = filigree(place, "check", "DIR/recipe.yaml", code=2).stderr
        for i, name in enumerate(taken):
            expect(f"stages.taken{i}.export.dir: is '{name}'" in told, f"export.dir {name} is not refused:\n{told}")
        place.write("recipe.yaml", whole)
        filigree(place, "train", "DIR/recipe.yaml", "--out", "DIR/run", "--set", "stages.out.export.dir=.", code=2)
        expect(not os.path.exists(place.at("run")), "a refused recipe made its run directory")
        place.recipe("checkpoint:", "  - name: more\n    export: {dir: export/inner}\ncheckpoint:")
        filigree(place, "check", "DIR/recipe.yaml", code=2, says="one would overwrite the other")


def inside():
    """A user's files in a run directory survive whatever the run replaces and removes."""
    added = {"notes.txt": "a", "final/README.md": "b", "export/README.md": "c", "plans/mine.json": "d", "cache/mine.txt": "e",
             "checkpoints/step-00000001/notes.txt": "f", "checkpoints/step-00000004/notes.txt": "g",
             "checkpoints/mine/x.txt": "h", "checkpoints/.tmp-mine/x.txt": "i"}
    added = {name: f"file {text} of the user\n" for name, text in added.items()}
    with Room() as place:
        place.trained("--set", "checkpoint.keep=9")
        fill(place.at("run"), added)
        edited = place.read("run/final/config.json").replace(b"{", b'{ "edited": 1,', 1)
        place.write("run/final/config.json", edited)
        untouched(place, place.at("run"), "train", "DIR/recipe.yaml", "--out", "DIR/run", "--resume", "never", code=2,
                  says="already contains a run")
        # Back to step 2: steps after it, final/ and export/ are written again. Then with fewer checkpoints kept.
        for more in (["--resume", "DIR/run/checkpoints/step-00000002"],
                     ["--resume", "DIR/run/checkpoints/step-00000002", "--set", "checkpoint.keep=1"]):
            done = filigree(place, "train", "DIR/recipe.yaml", "--out", "DIR/run", *more)
            texts = contents(place.at("run"))
            for name, text in added.items():
                expect(text.encode() in texts, f"{more}: the user's {name} is gone")
            expect(edited in texts, f"{more}: the user's final/config.json is gone")
            if len(more) == 2:
                expect("final: contained files that this run did not write; they are now in" in done.stderr, "no word of final/")
        expect(os.path.exists(place.at("run/final.kept-1/README.md")), "final/ was not kept as final.kept-1")
        expect(not os.path.exists(place.at("run/final.kept-2")), "an untouched final/ was kept")
        filigree(place, "inspect", "DIR/run/final")


def links():
    """A link in a run directory is not followed for writing."""
    for name in (".lock", "log.txt", "recipe.yaml", "metrics.jsonl", ".filigree", "report.html"):
        with Room() as place:
            place.trained()
            victim = fill(place.at("victims"), {"victim": "victim\n" * 1000})
            os.remove(place.at("run/" + name)) if os.path.exists(place.at("run/" + name)) else None
            os.symlink(place.at("victims/victim"), place.at("run/" + name))
            command = ["report", "DIR/run"] if name == "report.html" else ["train", "DIR/recipe.yaml", "--out", "DIR/run"]
            before = snapshot(victim)
            done = subprocess.run([BINARY, *[word.replace("DIR", place.path) for word in command]], env=environment(),
                                  capture_output=True, text=True, timeout=120)
            expect(done.returncode in (0, 2, 3), f"link {name}: exit code {done.returncode}\n{done.stderr}")
            expect(snapshot(victim) == before, f"link {name}: the file it leads to was changed")
    for name in ("checkpoints", "cache", "plans", "final", "export"):
        with Room() as place:
            place.write("run/.filigree", '{"filigree":"run","version":1}\n')
            victim = fill(place.at("victim"), {"keep.txt": "keep\n", "step-00000001/x": "x\n", ".tmp-step-00000001/x": "x\n"})
            os.symlink(victim, place.at("run/" + name))
            untouched(place, victim, "train", "DIR/recipe.yaml", "--out", "DIR/run", code=2 if name == "export" else 3)


def exports():
    """Several exports to one new place: one is whole, the others are refused."""
    with Room() as place:
        place.trained()
        for attempt in range(6):
            target = place.at(f"target{attempt}")
            started = [subprocess.Popen([BINARY, "export", place.at("run"), "--format", "hf", target], env=environment(),
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
            outcomes = [(process.communicate(timeout=120)[1], process.returncode) for process in started]
            codes = sorted(code for _, code in outcomes)
            expect(codes == [0, 2, 2], f"three exports to one place ended with {outcomes}")
            filigree(place, "inspect", target)
            leftovers = [name for name in os.listdir(place.path) if name.startswith(".tmp-export")]
            expect(not leftovers, f"left behind: {leftovers}")
        process = subprocess.Popen([BINARY, "export", place.at("run"), "--format", "hf", place.at("killed")],
                                   env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not glob.glob(place.at(".tmp-export-killed.*/.filigree")):
            time.sleep(0.001)
        process.kill()
        process.wait()
        fill(place.at(".tmp-export-killed.mine"), {"draft.txt": "draft\n"})
        shutil.rmtree(place.at("killed"), ignore_errors=True)
        filigree(place, "export", "DIR/run", "--format", "hf", "DIR/killed")
        left = [name for name in os.listdir(place.path) if name.startswith(".tmp-export")]
        expect(left == [".tmp-export-killed.mine"], f"after a killed export and a good one there are {left}")


def runs():
    """Two runs do not mix, and a recipe that was given is not overwritten."""
    with Room() as place:
        filigree(place, "train", "DIR/recipe.yaml", "--out", "DIR/a")
        filigree(place, "train", "DIR/recipe.yaml", "--out", "DIR/b", "--set", "seed=9")
        before = snapshot(place.path)
        for more in ("DIR/a/checkpoints/step-00000002", "DIR/a", "DIR/a/"):
            untouched(place, place.path, "train", "DIR/recipe.yaml", "--out", "DIR/b", "--resume", more, code=2,
                      says="contains another run, which would be overwritten")
        untouched(place, place.path, "train", "DIR/recipe.yaml", "--out", "DIR/b", code=2, says="a run of a different recipe")
        untouched(place, place.path, "train", "DIR/recipe.yaml", "--out", "DIR/a", "--resume", "never", code=2)
        untouched(place, place.path, "train", "DIR/recipe.yaml", "--out", "DIR/a", "--set", "model.path=DIR/a/final", code=2,
                  says="which this run will replace")
        without_lock = lambda found: {k: v for k, v in found.items() if not k.endswith("/.lock")}
        expect(without_lock(before) == without_lock(snapshot(place.path)), "the runs changed")
        # A new run from a checkpoint of another; the same command again resumes the new one.
        fork = ("train", "DIR/recipe.yaml", "--out", "DIR/c", "--resume", "DIR/a/checkpoints/step-00000002")
        filigree(place, *fork)
        whole = place.read("c/metrics.jsonl")
        shutil.rmtree(place.at("c/final"))
        filigree(place, *fork)
        expect(place.read("c/metrics.jsonl") == whole, "a repeated command did not resume the run that it had started")
        of_a = {k[2:]: v for k, v in before.items() if k.startswith("a/")}
        expect({**snapshot(place.at("a")), ".lock": ""} == {**of_a, ".lock": ""}, "run a changed")
        # Without a checkpoint: the metrics of another recipe are not overwritten, those of the same are written again.
        shutil.rmtree(place.at("b/checkpoints"))
        os.makedirs(place.at("b/checkpoints"))
        untouched(place, place.at("b"), "train", "DIR/recipe.yaml", "--out", "DIR/b", code=2,
                  says="contains a finished run without a complete checkpoint")
        untouched(place, place.at("b"), "train", "DIR/recipe.yaml", "--out", "DIR/b", "--set", "seed=9", code=2,
                  says="contains a finished run without a complete checkpoint")
        shutil.rmtree(place.at("b/final"))
        untouched(place, place.at("b"), "train", "DIR/recipe.yaml", "--out", "DIR/b", code=2,
                  says="contains a run of a different recipe without a checkpoint")
        filigree(place, "train", "DIR/recipe.yaml", "--out", "DIR/b", "--set", "seed=9")
        # The recipe of the run, with a comment of the user's, given again.
        place.write("a/recipe.yaml", b"# my comment\n" + place.read("a/recipe.yaml"))
        filigree(place, "train", "DIR/a/recipe.yaml", "--out", "DIR/a", says="is not overwritten")
        expect(place.read("a/recipe.yaml").startswith(b"# my comment"), "the recipe that was given was overwritten")


def readers():
    """Commands that read write nothing beside what they read, and report writes one file of its own."""
    with Room() as place:
        place.trained()
        fill(place.at("model"), {"README.md": "my model\n", "recipe.txt": "x\n"})
        fill(place.at("data"), {"notes.txt": "my data\n"})
        for command in (["eval", "DIR/model", "--data", "DIR/recipe.yaml"], ["eval", "DIR/run", "--data", "DIR/recipe.yaml"],
                        ["predict", "DIR/run", "--input", "DIR/input.txt"], ["inspect", "DIR/run"], ["inspect", "DIR/model"],
                        ["tokenize", "DIR/model", "--input", "DIR/input.txt"], ["check", "DIR/recipe.yaml"],
                        ["plan", "DIR/recipe.yaml", "--ranks", "2"], ["bench", "DIR/recipe.yaml"]):
            before = snapshot(place.path)
            subprocess.run([BINARY, *[word.replace("DIR", place.path) for word in command]], env=environment(),
                           capture_output=True, cwd=place.path, timeout=120)
            expect(snapshot(place.path) == before, f"{command} wrote: {changes(before, snapshot(place.path))}")
        before = snapshot(place.at("run"))
        filigree(place, "report", "DIR/run")
        filigree(place, "report", "DIR/run")
        after = snapshot(place.at("run"))
        expect(after.pop("report.html", None) and after == before, "report changed more than report.html")
        fill(place.at("mine"), {"metrics.jsonl": place.read("run/metrics.jsonl").decode(), "report.html": "my report\n"})
        untouched(place, place.at("mine"), "report", "DIR/mine", code=2, says="may be yours")
        temporary = fill(place.at("tmp"), {"filigree-bench-tiny/x": "mine\n", "filigree-bench-tiny-1/x": "mine\n"})
        before = snapshot(temporary)
        filigree(place, "bench", "DIR/recipe.yaml", env=dict(environment(), TMPDIR=temporary))
        expect(snapshot(temporary) == before, f"bench left {changes(before, snapshot(temporary))}")


def vanished():
    """A run whose directory is removed or renamed ends with 3 and makes nothing anew."""
    for way in ("removed", "renamed", "replaced"):
        with Room() as place:
            place.recipe("max_steps: 3,", "max_steps: 100000,").recipe("every: 1,", "every: 50,")
            process = place.start(["train", "DIR/recipe.yaml", "--out", "DIR/run"])
            deadline = time.time() + 60
            while not os.path.exists(place.at("run/checkpoints/step-00000050")) and time.time() < deadline:
                time.sleep(0.01)
            os.rename(place.at("run"), place.at("moved"))
            if way == "removed":
                shutil.rmtree(place.at("moved"))
            if way == "replaced":
                fill(place.at("run"), {"notes.txt": "mine\n"})
            before = snapshot(place.path)
            _, err = process.communicate(timeout=120)
            expect(process.returncode == 3, f"{way}: exit code {process.returncode}\n{err[-500:]}")
            expect("removed, renamed or replaced" in err, f"{way}: {err[-500:]}")
            after = snapshot(place.path)
            if way != "removed":  # the open files of a renamed run may have got their last lines
                before, after = ({k: v for k, v in found.items() if not k.startswith("moved/")} for found in (before, after))
            expect(after == before, f"{way}: {changes(before, after)}")


def streams():
    """A recipe may come through a pipe; a reader of the messages that goes away ends no run."""
    with Room() as place:
        for script, code in ((f"cat recipe.yaml | '{BINARY}' train /dev/stdin --out piped", 0),
                             (f"'{BINARY}' train <(cat recipe.yaml) --out substituted", 0),
                             (f"'{BINARY}' train /dev/stdin --out redirected <recipe.yaml", 0),
                             (f"'{BINARY}' train recipe.yaml --out unread 2>&1 | true; exit ${{PIPESTATUS[0]}}", 0),
                             (f"'{BINARY}' eval piped | true; exit ${{PIPESTATUS[0]}}", 3)):
            done = subprocess.run(["bash", "-c", script], env=environment(), capture_output=True, text=True, timeout=120,
                                  cwd=place.path)
            expect(done.returncode == code, f"{script}: exit code {done.returncode}, not {code}\n{done.stderr}")
        expect(os.path.exists(place.at("unread/final/model.safetensors")), "the run without a reader made no model")


def setup():
    """A folder for the set-up that holds a user's files."""
    with Room() as place:
        mine = {"venv/thesis.tex": "thesis\n", "transformers4/x.py": "x\n", "style/guide.md": "style\n",
                "models/minilm-l6/config.json": "{}\n", "models/minilm-l6/vocab.txt": "mine\n",
                "models/mine/model.safetensors": "m\n", "data/mine.tsv": "d\n"}
        home = fill(place.at("home"), mine)
        before = snapshot(home)
        script = os.path.join(os.path.dirname(__file__), "../../../launch/setup.sh")
        own_python = {"FILIGREE_PYTHON": sys.executable}
        for folder, more in (("venv", {}), ("transformers4", own_python),
                             ("style", own_python | {"FILIGREE_STYLE_TOOLS": "1"})):
            done = subprocess.run([script], env=dict(environment(), FILIGREE_HOME=home, **more) | {"FILIGREE_MODELS": home + "/models"},
                                  capture_output=True, text=True, timeout=300)
            expect(f"{home}/{folder} was not made by set-up" in done.stderr, f"set-up over a user's files says: {done.stderr}")
            after = snapshot(home)
            for name, state in before.items():
                expect(after.get(name) == state, f"set-up changed {name}: {state} -> {after.get(name)}")


PARTS = [directories, names, inside, links, exports, runs, readers, vanished, streams, setup]

if __name__ == "__main__":
    for part in PARTS:
        if not sys.argv[1:] or part.__name__ in sys.argv[1:]:
            began = time.time()
            part()
            print(f"{part.__name__}: {time.time() - began:.1f} s", flush=True)
    print(f"{len(problems)} problems")
    sys.exit(1 if problems else 0)
