"""Unfold beside PyTorch: both run each workload in turn, A B A B; writes bench/RESULTS.md.

    python3 -m venv bench/.venv && bench/.venv/bin/pip install -r bench/peers/requirements.txt
    cargo build --release
    python3 bench/compare.py [--rounds 2] [--threads 2] [WORKLOAD ...]

Needs nothing but Python beside that. Run it on a machine that does nothing else.
"""

import argparse
import datetime
import json
import math
import statistics
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
UNFOLD = [HERE.parent / "target/release/unfold", "bench", "--json"]


def lines(command):
    """The JSON lines that a command prints: what it is, then its measurements."""
    out = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--python", default=HERE / ".venv/bin/python", help="the one that has PyTorch")
    parser.add_argument("workloads", nargs="*")
    options = parser.parse_args()
    threads = ["--threads", str(options.threads)]
    known = subprocess.run([str(UNFOLD[0]), "bench", "--list"], check=True, capture_output=True, text=True)
    steps = [name for name in known.stdout.split() if name.endswith(("_train", "_infer"))]
    workloads = options.workloads or steps

    ours, theirs, of_limit = {}, {}, {}
    for round in range(options.rounds):
        for name in workloads:
            machine, line = lines([*UNFOLD, name, *threads])
            peer, other = lines([options.python, HERE / "peers/pytorch.py", name, *threads])
            ours.setdefault(name, []).append(line["median_ms"])
            theirs.setdefault(name, []).append(other["median_ms"])
            of_limit.setdefault(name, []).append(line["of_limit"])
            print(f"round {round + 1}  {name:26} {line['median_ms']:9.2f} {other['median_ms']:9.2f} ms", flush=True)

    rows, ratios = [], []
    for name in workloads:
        a, b = statistics.median(ours[name]), statistics.median(theirs[name])
        share = statistics.median(of_limit[name])
        ratios.append(b / a)
        rows.append(f"| {name} | {a:.2f} | {b:.2f} | {b / a:.2f} | {100 * share:.0f} % |")
    mean = math.exp(statistics.mean(map(math.log, ratios)))
    text = f"""# Speed beside PyTorch

{machine["machine"]}, {machine["simd"]}, {options.threads} threads, {datetime.date.today()};
{machine["fma_peak_gflops"]:.0f} GFLOP/s of multiply-adds, {machine["bandwidth_gbs"]:.1f} GB/s of reading;
{peer["peer"]}. Medians in milliseconds of {options.rounds} rounds in turn; `python3 bench/compare.py` makes this file.

| workload | Unfold | PyTorch | ratio | of the limit |
| --- | --- | --- | --- | --- |
{chr(10).join(rows)}

Geometric mean of the ratios: {mean:.2f}.
"""
    (HERE / "RESULTS.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
