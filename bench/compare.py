"""Unfold beside PyTorch and, for answers, ONNX Runtime: all run each workload in turn.

    python3 -m venv bench/.venv && bench/.venv/bin/pip install -r bench/peers/requirements.txt
    cargo build --release
    python3 bench/compare.py [--rounds 2] [--threads 2] [--scaling] [WORKLOAD ...]

Needs nothing but Python beside that. Run it on a machine that does nothing else. Without names of workloads it writes
bench/RESULTS.md anew but for what stands there from the heading "What holds the rest" on; with some it only prints, unless
--output names a file.
"""

import argparse
import collections
import datetime
import json
import math
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ONE = "Unfold, 1 thread"
# From this heading on, the results are written by hand.
KEPT = "## What holds the rest"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--scaling", action="store_true", help="train with one thread as well")
    parser.add_argument("--unfold", default=HERE.parent / "target/release/unfold", help="the program")
    parser.add_argument("--python", default=HERE / ".venv/bin/python", help="the one that has the peers")
    parser.add_argument("--output", type=Path, help="where to write the tables")
    parser.add_argument("workloads", nargs="*", help="all that Unfold has without any")
    options = parser.parse_args()
    if not options.workloads and not options.output:
        options.output = HERE / "RESULTS.md"
    return options


def chosen(options):
    """The workloads that are asked for and that Unfold has."""
    known = subprocess.run([options.unfold, "bench", "--list"], check=True, capture_output=True, text=True)
    known = known.stdout.split()
    for name in set(options.workloads) - set(known):
        print(f"{name}: Unfold has no such workload, skipped")
    return [name for name in options.workloads or known if name in known]


def commands(name, options):
    """Who runs a workload, and how."""
    threads = ["--threads", str(options.threads)]
    unfold, peers = [options.unfold, "bench", "--json", name], HERE / "peers"
    found = {"Unfold": [*unfold, *threads]}
    if options.scaling and name.endswith("_train"):
        found[ONE] = [*unfold, "--threads", "1"]
    if name.endswith(("_train", "_infer")):
        found["PyTorch"] = [options.python, peers / "pytorch.py", name, *threads]
    if name.endswith("_infer"):
        found["ONNX Runtime"] = [options.python, peers / "onnxruntime_peer.py", name, *threads]
    return found


def run(command):
    """The two lines that a command prints, of itself and of its workload, the latter with `peak_mb`."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    heading = child.stdout.readline()
    peak = Path(f"/proc/{child.pid}/clear_refs")
    if heading and peak.exists():
        peak.write_text("5")  # Forget the peak so far: it is that of measuring the machine.
    line = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(map(str, command))}: ended with {child.returncode}")
    return json.loads(heading), json.loads(line) | {"peak_mb": usage.ru_maxrss / 1024}


def measure(workloads, options):
    """What each program says of itself, and its lines for each workload, round by round."""
    headings, lines = {}, collections.defaultdict(list)
    for round in range(options.rounds):
        for name in workloads:
            for who, command in commands(name, options).items():
                heading, line = run(command)
                headings[who] = best(headings.get(who, {}), heading)
                lines[name, who].append(line)
                print(f"round {round + 1}  {name:26} {who:16} {line['median_ms']:9.2f} ms", flush=True)
    return headings, lines


def best(before, heading):
    """What a machine showed of itself, each figure at its best: others may have had a core when it was measured."""
    better = {key: max(value, before.get(key, value)) for key, value in heading.items() if isinstance(value, float)}
    return heading | better


class Results:
    """Medians over the rounds."""

    def __init__(self, lines):
        self.lines = lines

    def of(self, name, key="median_ms", who="Unfold"):
        return statistics.median(line[key] for line in self.lines[name, who])

    def ratio(self, name):
        """How many times as long the fastest peer takes."""
        peers = [who for who in ("PyTorch", "ONNX Runtime") if (name, who) in self.lines]
        return min(self.of(name, who=who) for who in peers) / self.of(name)

    def limit(self, name):
        return f"{100 * self.of(name, 'of_limit'):.0f} %"

    def train(self, name):
        ours, theirs = self.of(name), self.of(name, who="PyTorch")
        memory = [f"{self.of(name, 'peak_mb', who):.0f}" for who in ("Unfold", "PyTorch")]
        return [f"{ours:.2f}", f"{theirs:.2f}", f"{self.ratio(name):.2f}", self.limit(name), *memory]

    def long(self, name):
        microseconds = [f"{1e3 * self.of(name, who=who) / length(name):.2f}" for who in ("Unfold", "PyTorch")]
        return [*self.train(name), *microseconds]

    def infer(self, name):
        times = [f"{self.of(name, who=who):.3f}" for who in ("Unfold", "PyTorch", "ONNX Runtime")]
        return [*times, f"{self.ratio(name):.2f}", self.limit(name)]

    def kernel(self, name):
        best = max(line["limit_ms"] / line["min_ms"] for line in self.lines[name, "Unfold"])
        return [f"{self.of(name):.2f}", f"{self.of(name, 'gflops'):.1f}", self.limit(name), f"{100 * best:.0f} %"]

    def scaling(self, name):
        one, more = self.of(name, who=ONE), self.of(name)
        return [f"{one:.2f}", f"{more:.2f}", f"{one / more:.2f}"]


def length(name):
    """The steps of all sequences of a workload of many steps (lstm_t3200_train) or sequences (lstm_b256_train)."""
    found = re.fullmatch(r"lstm_([tb])(\d+)(?:_checkpoint)?_train", name)
    return found and int(found[2]) * {"t": 16, "b": 50}[found[1]]


def section(title, columns, names, row, below=""):
    """A table under a heading, and what stands below it; nothing without rows."""
    if not names:
        return ""
    cells = [["workload", *columns], ["---"] * (len(columns) + 1), *([name, *row(name)] for name in names)]
    table = "".join(f"| {' | '.join(line)} |\n" for line in cells)
    return f"## {title}\n\n{table}\n{below}"


def summary(results, headings, training):
    """What stands below the training workloads."""
    if not training:
        return ""
    mean = math.exp(statistics.mean(math.log(results.ratio(name)) for name in training))
    return f"""Geometric mean of the ratios: {mean:.2f}. MB is the most memory that the process holds while it
trains; of PyTorch's, {headings["PyTorch"]["peak_mb"]:.0f} MB are there once it is imported.

"""


def preface(headings, options):
    machine = headings["Unfold"]
    version = subprocess.run([options.unfold, "--version"], check=True, capture_output=True, text=True).stdout
    versions = [version.strip().capitalize(), *(h["peer"] for h in headings.values() if "peer" in h)]
    return f"""# Speed beside other libraries

{machine["machine"]}, {machine["simd"]}, {options.threads} threads, {datetime.date.today()};
{machine["fma_peak_gflops"]:.0f} GFLOP/s of multiply-adds, {machine["bandwidth_gbs"]:.1f} GB/s of reading.
{", ".join(versions)}.

Times are milliseconds, medians of {options.rounds} rounds in turn. A ratio is the fastest other library's time
over Unfold's: above 1, Unfold is faster. The limit is that of multiply-adds, or of reading memory, measured in turn with
the workload. `python3 bench/compare.py` makes such tables.

"""


def report(workloads, headings, lines, options):
    results = Results(lines)
    long = [name for name in workloads if length(name)]
    training = [name for name in workloads if name.endswith("_train") and name not in long]
    answers = [name for name in workloads if name.endswith("_infer")]
    kernels = [name for name in workloads if name not in training + answers + long]
    scaled = training + long if options.scaling else []
    columns = ["Unfold", "PyTorch", "ratio", "of the limit", "Unfold MB", "PyTorch MB"]
    below = summary(results, headings, training)
    text = preface(headings, options) + section("Training", columns, training, results.train, below)
    columns += ["Unfold, µs a step of one sequence", "PyTorch"]
    text += section("Training on longer texts and more of them", columns, long, results.long)
    columns = ["1 thread", f"{options.threads} threads", "speedup"]
    text += section("Threads", columns, scaled, results.scaling)
    columns = ["Unfold", "PyTorch", "ONNX Runtime", "ratio", "of the limit"]
    text += section("Answers to one example", columns, answers, results.infer)
    columns = ["ms", "GFLOP/s", "of the limit", "at best"]
    return text + section("Kernels", columns, kernels, results.kernel)


def kept(path):
    """What was written by hand."""
    before, heading, after = (path.read_text() if path.exists() else "").partition(KEPT)
    return heading + after


def main():
    options = arguments()
    workloads = chosen(options) or sys.exit("there is nothing to measure")
    text = report(workloads, *measure(workloads, options), options)
    if options.output:
        options.output.write_text((text + kept(options.output)).strip() + "\n")
    print(text)


if __name__ == "__main__":
    main()
