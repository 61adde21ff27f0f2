"""What lies in a directory, byte for byte, and a directory full of a user's files."""
import hashlib
import os

# Names that filigree uses itself, and some that it does not.
USERS_FILES = {
    "notes.txt": "precious\n", "recipe.yaml": "cake: 1\n", "metrics.jsonl": '{"kind":"train","mine":1}\n',
    "log.txt": "captain's log\n", "report.html": "<p>my report</p>\n", ".lock": "my lock\n",
    "events.out.tfevents.1.host.1.0": "my events\n", ".tmp-recipe.yaml": "draft\n",
    "final/thesis.tex": "thesis\n", "final/config.json": "{}\n", "export/model.safetensors": "weights\n",
    "export/deep/er.txt": "deep\n", "checkpoints/best.json": '{"step":1}\n', "checkpoints/.tmp-x/draft.txt": "draft\n",
    "checkpoints/.tmp-step-00000001/trained.safetensors": "mine\n", "checkpoints/step-00000001/notes.txt": "step notes\n",
    "checkpoints/step-00000002/manifest.json": "{}\n", "cache/teacher-logits.safetensors": "logits\n",
    "plans/prune-1.json": "{}\n", ".tmp-export-final/draft.txt": "draft\n"}


def fill(folder, files=USERS_FILES):
    for name, text in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as out:
            out.write(text)
    return folder


def snapshot(folder):
    """Relative path -> what it is: a link's target, a directory, or a file's hash with its permissions."""
    found = {}
    for root, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(root, name)
            key = os.path.relpath(path, folder)
            if os.path.islink(path):
                found[key] = "link to " + os.readlink(path)
            elif os.path.isdir(path):
                found[key] = "directory"
            else:
                with open(path, "rb") as file:
                    found[key] = f"{hashlib.sha256(file.read()).hexdigest()} {os.stat(path).st_mode & 0o777:o}"
    return found


def changes(before, after):
    return [f"{name}: {before.get(name, 'absent')} -> {after.get(name, 'absent')}"
            for name in sorted({*before, *after}) if before.get(name) != after.get(name)]


def contents(folder):
    """The texts of all files below a folder, wherever they lie."""
    texts = []
    for root, _, files in os.walk(folder):
        for name in files:
            with open(os.path.join(root, name), "rb") as file:
                texts.append(file.read())
    return texts
