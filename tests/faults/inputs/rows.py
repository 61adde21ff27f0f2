"""What a row is, and how it is judged."""
import dataclasses
import typing

# None of these may reach a user, whatever the fault.
TRACES = ("terminate called", "what():", "Traceback", "core dumped", "libtorch", "c10::", "at::", "std::",
          "Exception raised from",
          "frame #", "internal error", "Aborted", "Segmentation")

TRAIN = ("train", "DIR/recipe.yaml", "--out", "DIR/run")
CHECK = ("check", "DIR/recipe.yaml")


class Skip(Exception):
    """The machine cannot set the fault up; the text says why."""


@dataclasses.dataclass
class Row:
    name: str
    says: str  # DIR stands for the row's folder
    args: typing.Sequence[str]
    spoil: typing.Callable = lambda place: None
    code: int = 2


def faults(row, code, out, err, folder):
    """What is wrong with how the program took the row."""
    if code is None:
        return ["it did not end in time"]
    found = []
    if code < 0:
        found.append(f"it died by signal {-code}")
    elif code != row.code:
        found.append(f"exit code {code}, not {row.code}")
    if row.says.replace("DIR", folder) not in err:
        found.append(f"no '{row.says}' on stderr")
    found += [f"'{trace}' reached the user" for trace in TRACES if trace in err or trace in out]
    return found
