"""Time `exemplum run` on broken configurations, from the command's start to its one line: python benchmarks/refusals.py

Each of the corpus' cases that are tested as commands (tests/configurations/by_hand.py) runs as a process of its own,
in turn, `--runs` times. Seconds by the wall clock, so nothing else should run.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from configurations import by_hand


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    cases = [case for case in by_hand.cases() if case.command]
    seconds: dict[str, list[float]] = {case.name: [] for case in cases}
    with tempfile.TemporaryDirectory() as folder:
        for run in range(runs):
            for number, case in enumerate(cases):
                study = Path(folder) / f"{run}-{number}"
                case.write(study)
                began = time.monotonic()
                done = subprocess.run(
                    [sys.executable, "-m", "exemplum", "run", study], capture_output=True, check=False
                )
                seconds[case.name].append(time.monotonic() - began)
                assert done.returncode == 1, case.name
    for name, taken in sorted(seconds.items(), key=lambda pair: statistics.median(pair[1])):
        print(f"{statistics.median(taken):5.2f} s, at most {max(taken):.2f} s (n = {runs}): {name}")


if __name__ == "__main__":
    main()
