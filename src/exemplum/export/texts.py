"""The texts of a dataset: README, codebook, changes and licence."""

from __future__ import annotations

from typing import Any

from exemplum.export import DatasetSection
from exemplum.study import Study, versions

LICENCES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "ODbL-1.0": "https://opendatacommons.org/licenses/odbl/1-0/",
}
PEOPLES = ("responses", "participants", "ratings", "exclusions")  # files about people


def summary(study: Study) -> str:
    """What the dataset is, in two sentences."""
    return (
        "Forced choices of which of two images activates a unit of a vision model strongly, given reference images "
        "that are said to explain the unit. The share of right answers in a condition says how informative its "
        f"references are. Protocol {study.config.design.protocol}."
    )


def readme(study: Study, title: str, files: list[tuple[str, str, int, tuple[str, ...]]], notice: str) -> str:
    """README.md. `files`: name, meaning, rows and key columns of each data file."""
    rows = [f"| `{name}` | {meaning} | {n:,} | {', '.join(key)} |" for name, meaning, n, key in files]
    named = [name for name, *_ in files]
    has_people = "responses" in named
    parts = [
        f"# {title}", summary(study),
        *([f"**{notice}**"] if notice else []),
        "A dataset in the [Psych-DS](https://psych-ds.github.io) format, made by Exemplum "
        f"{versions().get('exemplum', '')} from the study {study.id}.",
        "## Data",
        "Each file `data/study-…_description-NAME_data.csv` has a file `.json` of the same name that describes every "
        "column; `documentation/codebook.md` has all of them. UTF-8, decimal points, empty for no value. A text that a "
        "spreadsheet would run as a formula has an apostrophe in front. People and machines are in files of their own.",
        "| NAME | what it holds | rows | columns that identify a row |\n| --- | --- | --- | --- |\n" + "\n".join(rows),
        "A participant is a label such as P0001, the same in all files. Trials of pilots are not in the data. "
        "`exclusions` says who is left out of the results, and why; `responses` has their answers too."
        if has_people else "No answers of people are in the data.",
        "## Results",
        "`results/` has the tables of the analysis" + (
            ", the methods in words, the participant flow as a figure, and the table of exclusions. The scripts "
            "refit the main model and compare its odds ratios, and the accuracies, with those tables:\n\n"
            "    Rscript analysis/refit.R\n    python analysis/refit.py" if has_people else "."
        ),
        "`materials/settings.json` has every setting of the study. The pictures are not included: many corpora of "
        "images must not be passed on.",
        "## Before you publish",
        *(["- Check that the combination of age, gender and other entries in `participants` identifies nobody."]
          if "participants" in named else []),
        "- Name authors, licence and citation in study.toml: [dataset], and export again.",
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def codebook(tables: list[tuple[str, str, list[dict[str, Any]]]]) -> str:
    """All columns as Markdown. `tables`: name, meaning and variables of each data file."""
    parts = ["# Codebook"]
    for name, meaning, variables in tables:
        head = "| column | type | unit | values | meaning |\n| --- | --- | --- | --- | --- |"
        rows = [
            f"| `{one['name']}` | {one['additionalType'].partition('#')[2]} | {one.get('unitText', '')} | "
            f"{', '.join(map(str, one.get('value', [])))} | {one['description']} |"
            for one in variables
        ]
        parts += [f"## {name}", meaning, "\n".join([head, *rows])]
    return "\n\n".join(parts) + "\n"


def changes(study: Study) -> str:
    """CHANGES.md."""
    made = study.day("analysis")
    return f"# Changes\n\n## 1.0.0{f' ({made})' if made else ''}\n\n- Exported from the study {study.id}.\n"


def licence(said: DatasetSection) -> str:
    """The text of LICENSE."""
    scripts = "The scripts in analysis/ are part of Exemplum, under the MIT licence.\n"
    if not said.license:
        return (
            "No licence has been chosen for these data, so all rights are reserved. To choose one, set\n"
            'study.toml: [dataset] license = "CC-BY-4.0" (or another), and export again.\n\n' + scripts
        )
    address = LICENCES.get(said.license, "")
    by = f" by {', '.join(said.authors)}" if said.authors else ""
    return f"These data are licensed{by} under {said.license}{f': {address}' if address else ''}\n\n{scripts}"


def licence_address(said: DatasetSection) -> str:
    """The address of the licence, or its name where that is not known; "" for none."""
    return LICENCES.get(said.license, said.license)
