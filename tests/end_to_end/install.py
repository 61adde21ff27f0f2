"""Installs the build into a temporary prefix, builds examples/ against it as a user would, and runs both examples: the
losses are finite, and the method of examples/method trains, counts and changes exactly the parameters that it names."""
import json
import math
import os
import re
import struct
import subprocess
import sys
from types import SimpleNamespace

from runs import BINARY, SOURCE, Folder, environment, expect, fail, metrics
from tiny import shapes, write_place

BUILD = os.path.dirname(BINARY)
LAYERS = 3
STAGES = """\
  - {name: adapt, method: {name: norms}, train: {max_steps: 3, batch_size: 4, lr: 1e-2}}
"""
SETTINGS = ("CMAKE_BUILD_TYPE", "CMAKE_C_COMPILER", "CMAKE_CXX_COMPILER", "CMAKE_MAKE_PROGRAM")


def cache():
    """The variables in the build's CMakeCache.txt."""
    with open(f"{BUILD}/CMakeCache.txt") as lines:
        found = (re.match(r"([A-Za-z]\w*):\w+=(.*)", line) for line in lines)
        return {match[1]: match[2] for match in found if match}


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def call(*words, status=0):
    done = subprocess.run(words, env=environment(), capture_output=True, text=True)
    if done.returncode != status:
        fail(f"{' '.join(words)} ended with {done.returncode}, not {status}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout + done.stderr


def install(folder, variables):
    """The prefix; its package must not know the source or the build folder, nor the warnings of the build."""
    prefix = f"{folder}/prefix"
    call(variables["CMAKE_COMMAND"], "--install", BUILD, "--prefix", prefix)
    packages = [root for root, _, names in os.walk(prefix) if "filigreeConfig.cmake" in names]
    expect(len(packages) == 1, f"filigreeConfig.cmake is in {packages}")
    targets = "".join(open(f"{packages[0]}/{name}").read() for name in os.listdir(packages[0]) if "Targets" in name)
    for word in (SOURCE, BUILD, "-Wall", "-Werror", "filigree_flags"):
        expect(word not in targets, f"the installed targets name {word}")
    headers = f"{prefix}/include/filigree"
    expect(os.path.exists(f"{headers}/core/nn/linear.h"), f"{headers} lacks core/nn/linear.h")
    expect(not os.path.exists(f"{headers}/dist/mpi"), f"{headers} has the MPI backend's headers")
    expect("filigree" in call(f"{prefix}/bin/filigree", "--version"), "the installed program prints no version")
    return prefix


def build_examples(folder, prefix, variables):
    examples = f"{folder}/examples"
    prefixes = ";".join(filter(None, (prefix, variables.get("CMAKE_PREFIX_PATH"))))
    options = [f"-D{name}={variables[name]}" for name in SETTINGS if variables.get(name)]
    cmake = variables["CMAKE_COMMAND"]
    call(cmake, "-S", f"{SOURCE}/examples", "-B", examples, "-G", variables["CMAKE_GENERATOR"],
         f"-DCMAKE_PREFIX_PATH={prefixes}", *options)
    call(cmake, "--build", examples, "--parallel", "2")
    return SimpleNamespace(library=f"{examples}/library/train_tiny", method=f"{examples}/method/train_norms")


def tensors(directory):
    """Name -> bytes of each tensor in a model's directory; BERT's prefix is left out."""
    with open(f"{directory}/model.safetensors", "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    return {name.removeprefix("bert."): data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]]
            for name, entry in header.items()}


def check_library(program):
    losses = [float(value) for value in re.findall(r"^step \d+: loss (\S+)$", call(program), re.MULTILINE)]
    expect(len(losses) == 3 and all(map(math.isfinite, losses)), f"the losses are {losses}")
    expect(len(set(losses)) == 3, f"the model does not learn: {losses}")


def check_method(program, folder, recipe, name, trained, *sets):
    out = f"{folder}/{name}"
    call(program, recipe, out, *sets)
    losses = [record["loss"] for record in metrics(out, ("train",))]
    expect(len(losses) == 3 and all(map(math.isfinite, losses)), f"{name}: the losses are {losses}")
    count = sum(math.prod(shape) for parameter, shape in shapes(LAYERS).items() if parameter in trained)
    counted = metrics(out, ("stage",))[0]["trainable"]
    expect(counted == count, f"{name}: {counted} parameters are trainable, not {count}")
    before, after = tensors(f"{folder}/place/model"), tensors(f"{out}/final")
    expect(before.keys() == after.keys(), f"{name}: other tensors: {before.keys() ^ after.keys()}")
    changed = {parameter for parameter in before if before[parameter] != after[parameter]}
    expect(changed == trained, f"{name}: changed or should have: {sorted(changed ^ trained)}")
    print(f"{name}: {count} parameters in {len(trained)} tensors are trained")


variables = cache()
for program in ("CMAKE_COMMAND", "CMAKE_C_COMPILER", "CMAKE_CXX_COMPILER"):
    if not os.path.exists(variables.get(program, "")):
        skip(f"{program} of {BUILD}/CMakeCache.txt is not here: {variables.get(program)}")
with Folder() as folder:
    examples = build_examples(folder, install(folder, variables), variables)
    check_library(examples.library)
    recipe = write_place(f"{folder}/place", STAGES, layers=LAYERS)
    norms = {name for name in shapes(LAYERS) if ".LayerNorm." in name}
    gains = {name for name in norms if name.endswith(".weight")}
    head = {"classifier.weight", "classifier.bias"}
    check_method(examples.method, folder, recipe, "norms", norms | head)
    check_method(examples.method, folder, recipe, "gains", gains, "stages.adapt.method.parts=[weight]",
                 "stages.adapt.method.train_head=false")
    for wrong, says in (("modules=[dense_norm]", "norms.modules: 'dense_norm' names no layer norm of this bert model"),
                        ("parts=[gain]", "weight, bias")):
        text = call(examples.method, recipe, f"{folder}/wrong", f"stages.adapt.method.{wrong}", status=2)
        expect(says in text, f"{wrong}: no '{says}' in\n{text}")
