"""Reads event files with the tensorboard package and compares: read_events.py DIR, which holds expected.json
{tag: [[step, value], …], …} and the event files."""
import json
import math
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

folder = pathlib.Path(sys.argv[1])
expected = json.loads((folder / "expected.json").read_text())
files = sorted(folder.glob("events.out.tfevents.*"))
assert files, f"no event files in {folder}"
for path in files:
    first = next(iter(EventFileLoader(str(path)).Load()))
    assert first.file_version == "brain.Event:2", first

accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0})
accumulator.Reload()
tags = set(accumulator.Tags()["scalars"])
assert tags == set(expected), f"tags {sorted(tags ^ set(expected))} are on one side only"
checked = 0
for tag, points in expected.items():
    events = accumulator.Scalars(tag)
    assert [e.step for e in events] == [step for step, _ in points], (tag, [e.step for e in events])
    for event, (_, value) in zip(events, points):
        assert math.isclose(event.value, value, rel_tol=1e-6, abs_tol=1e-30), (tag, event, value)
        assert abs(event.wall_time - events[0].wall_time) < 3600 and event.wall_time > 1.6e9, event
        checked += 1
print(f"{checked} values under {len(expected)} tags in {len(files)} files")
assert checked > 0
