"""The gallery's figures: seconds and megabytes of a build, first paint, and blank rows while a layer is scrolled.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/gallery.py STUDY [--builds 1] [--rounds 5] [--layer LAYER] [--json FILE]

STUDY has an index. The gallery is built from nothing into a temporary folder, `--builds` times, and then opened
`--rounds` times in the system's Chromium at 1280 × 720:

`first paint`  of the overview, of the grid of a layer and of a unit's page, each in a new browser context, so that
               nothing is cached: from the start of the navigation until the page's content has been drawn
`images`       of the grid: all sheets that it needs are loaded and decoded
`scroll`       a layer from its top at 3,000 px per second, 30,000 px at most; in every frame the share of the window
               below the head of the grid that no row covers
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

import exemplum as ex
from exemplum import gallery
from exemplum.gallery.serving import server

WINDOW = {"width": 1280, "height": 720}
CHROMIUM = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
# When the page's own content is in place and a frame with it has been drawn: what comes first is its head
PAINT = "window.shownAt ?? null"
WATCH = """new MutationObserver((_, watch) => {
  if (!document.querySelector("main:not(.waiting) h1")) return;
  watch.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => { window.shownAt = performance.now(); }));
}).observe(document, { childList: true, subtree: true });"""
SPEED, FAR = 3000, 30_000  # px per second, and at most
SCROLL = """async ([speed, far]) => {
  const grid = document.querySelector(".grid"), head = document.querySelector("header.top").offsetHeight;
  const blank = [], late = [];
  let began = 0, last = 0;
  await new Promise((done) => {
    const frame = (now) => {
      began ||= now;
      if (last) late.push(now - last);
      last = now;
      const box = grid.getBoundingClientRect();
      const from = Math.max(head, box.top), to = Math.min(innerHeight, box.bottom);
      let covered = 0;
      for (const row of grid.children) {
        const { top, bottom } = row.getBoundingClientRect();
        // the gap below a row belongs to it
        covered += Math.max(0, Math.min(bottom + 17, to) - Math.max(top, from));
      }
      blank.push(Math.max(0, to - from - covered) / Math.max(1, to - from));
      const at = (now - began) * speed / 1000;
      scrollTo(0, at);
      at < Math.min(far, document.documentElement.scrollHeight - innerHeight) ? requestAnimationFrame(frame) : done();
    };
    requestAnimationFrame(frame);
  });
  late.sort((a, b) => a - b);
  return { frames: blank.length, blank: blank.filter((share) => share > 0.01).length, worst: Math.max(...blank),
           median_ms: late[late.length >> 1], p99_ms: late[Math.floor(late.length * 0.99)] };
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--builds", type=int, default=1, help="0: look at STUDY/gallery as it is")
    parser.add_argument("--layer", default="", help="the layer to scroll; the largest if not given")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = builds(given.study, Path(scratch), given.builds) if given.builds else {}
        site = Path(scratch) / "site" if given.builds else given.study / "gallery"
        found |= looks(site, given.rounds, given.layer)
    found["machine"] = {
        "processor": platform.processor() or platform.machine(), "cores": len(os.sched_getaffinity(0)),
        "date": time.strftime("%Y-%m-%d"),
    }  # fmt: skip
    for name, value in found.items():
        print(f"{name}: {value}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def builds(study: Path, scratch: Path, count: int) -> dict[str, Any]:
    """Seconds of each build, and the size of what it publishes."""
    seconds = []
    for _ in range(count):
        shutil.rmtree(scratch / "site", ignore_errors=True)
        shutil.rmtree(study / "gallery" / "cache", ignore_errors=True)
        began = time.perf_counter()
        gallery.build(ex.Study.open(study), scratch / "site")
        seconds.append(round(time.perf_counter() - began, 1))
    files = [path.stat().st_size for path in (scratch / "site").rglob("*") if path.is_file()]
    return {"build (s)": seconds, "size (MB)": round(sum(files) / 1e6, 1), "files": len(files)}


def looks(site: Path, rounds: int, layer: str) -> dict[str, Any]:
    """First paints and scrolls, as medians with the worst in brackets."""
    pointer = json.loads((site / "gallery.json").read_text(encoding="utf-8"))
    layers = json.loads((site / pointer["data"] / "network.json").read_text(encoding="utf-8"))["layers"]
    name = layer or max(layers, key=lambda each: each["units"])["name"]
    pages = {"overview": "", "grid": f"#/units?layer={name}", "unit": f"#/unit/{name}:17"}
    found: dict[str, Any] = {f"first paint, {page} (ms)": [] for page in pages} | {f"scroll of {name}": []}
    found["images of the grid (ms)"] = []
    running = server(site)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        program = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM.split())
        for _ in range(rounds):
            for page, address in pages.items():
                with opened(browser, f"http://127.0.0.1:{running.server_port}/{address}") as shown:
                    found[f"first paint, {page} (ms)"].append(round(shown.evaluate(PAINT)))
                    if page == "grid":
                        shown.wait_for_selector(".grid:not([aria-busy]) .row")
                        found["images of the grid (ms)"].append(round(shown.evaluate("performance.now()")))
                        found[f"scroll of {name}"].append(shown.evaluate(SCROLL, [SPEED, FAR]))
        browser.close()
    running.shutdown()
    scrolls = found.pop(f"scroll of {name}")
    summed = {
        f"scroll of {name}, {len(scrolls)} rounds": {
            "frames": sum(each["frames"] for each in scrolls), "with a blank": sum(each["blank"] for each in scrolls),
            "worst blank": max(each["worst"] for each in scrolls),
            "median frame (ms)": round(statistics.median(each["median_ms"] for each in scrolls), 1),
            "worst 99th percentile of frames (ms)": round(max(each["p99_ms"] for each in scrolls), 1),
        }
    }  # fmt: skip
    return {
        key: f"{statistics.median(times):.0f} ({min(times)} to {max(times)})" for key, times in found.items()
    } | summed


@contextmanager
def opened(browser: Browser, address: str) -> Iterator[Page]:
    """A page in a context of its own: with an empty cache."""
    context = browser.new_context(viewport=WINDOW)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(address)
    page.wait_for_function("() => window.shownAt !== undefined")
    yield page
    context.close()


if __name__ == "__main__":
    main()
