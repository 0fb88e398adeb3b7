"""The table of exclusions: what each declared rule demands, and how many participants it excludes."""

from __future__ import annotations

import pandas as pd

from exemplum.responses import exclusions as declared

# key of [exclusions] → what is measured, and why somebody is excluded
WORDS = {
    "catch_accuracy": ("share of catch trials right", "too few catch trials right"),
    "answers_each_side": ("main trials answered on either side", "too few answers on one side"),
    "instruction_time_s": ("seconds on the instructions", "too little time on the instructions"),
    "practice_attempts": ("rounds of practice", "too many rounds of practice"),
    "total_time_s_min": ("seconds in total", "too fast"),
    "total_time_s_max": ("seconds in total", "too slow"),
    "image_px_min": ("CSS pixels of the smallest image shown", "images too small"),
    "pixel_ratio_min": ("device pixels per CSS pixel", "screen too coarse"),
    "frame_ms_max": ("milliseconds between frames, in the median trial", "screen too slow"),
    "blurs_max": ("losses of the window's focus", "looked at other windows too often"),
    "hidden_s_max": ("seconds that the page was hidden", "page hidden for too long"),
}
COLUMNS = ["rule", "measured", "demanded", "participants", "excluded", "not known"]
ANY = "any rule"


def measured(rule: str) -> str:
    """What the rule is about, in words."""
    return WORDS.get(rule, (rule.replace("_", " "),))[0]


def broken(rule: str) -> str:
    """Why the rule excludes somebody, in words."""
    return WORDS[rule][1] if rule in WORDS else f"{rule.replace('_', ' ')}: rule not met"


def demanded(rule: str, limit: float) -> str:
    """What the rule demands: `at least 0.8`."""
    known = declared.RULES.get(rule)
    at_most = known is not None and known.met(limit - 1, limit)
    return f"{'at most' if at_most else 'at least'} {limit:g}"


def by_rule(exclusions: pd.DataFrame) -> pd.DataFrame:
    """EXCLUSIONS counted: one row per rule, and one for any of them; no rows if no rule is declared.

    Columns: rule (key of [exclusions] in study.toml), measured, demanded, participants (checked), excluded, not known
    (could not be measured, so nobody is excluded).
    """
    rows = [
        {
            "rule": rule,
            "measured": measured(str(rule)),
            "demanded": demanded(str(rule), float(own["limit"].iloc[0])),
            "participants": len(own),
            "excluded": int((own["verdict"] == "excluded").sum()),
            "not known": int((own["verdict"] == "unknown").sum()),
        }
        for rule, own in exclusions.groupby("rule", sort=False)
    ]
    if len(rows) > 1:
        out = exclusions[exclusions["verdict"] == "excluded"]
        everyone, excluded = (len(some[declared.PERSON].drop_duplicates()) for some in (exclusions, out))
        rows.append({
            "rule": ANY, "measured": "", "demanded": "", "participants": everyone, "excluded": excluded, "not known": 0,
        })  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)
