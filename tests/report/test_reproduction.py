"""The report of a reproduction: published numbers beside ours."""

import pandas as pd
import pytest

from exemplum import pages, store, tables
from exemplum.report import write_reproduction

ROW = {"source": "abstract", "experiment": "1", "note": ""}
HEADLINES = [
    ROW | {"quantity": "accuracy, natural", "published": 0.92, "says": "equals", "ours": 0.9222, "agrees": True},
    ROW | {"quantity": "natural better", "published": 0.05, "says": "p < .05", "ours": 0.0145, "agrees": True},
    ROW | {"quantity": "accuracy, none", "published": 0.5, "says": "above", "ours": float("nan"), "agrees": False},
]


@pytest.fixture
def out(study, tmp_path):
    estimates = tables.ESTIMATES.read(study.folder / "analysis/estimates.parquet")
    people = estimates[(estimates["observer"] == "participants") & (estimates["measure"] == "accuracy")]
    people = people[people["by"].isin(["all", "layer"])]
    both = pd.concat([people.assign(experiment="1"), people.assign(experiment="2", estimate=people["estimate"] / 2)])
    both.to_csv(tmp_path / "estimates.csv", index=False)
    tables.COMPARISONS.write(tmp_path / "comparisons.parquet", [])
    pd.DataFrame(HEADLINES).to_csv(tmp_path / "published.csv", index=False)
    return tmp_path


def test_experiments_stay_apart_with_headlines_beside_ours(out, parse):
    assert write_reproduction(out)["figures"] == 4
    page = parse(out / "index.html")
    _headlines_stand_beside_ours(page)
    _experiments_are_kept_apart(page, out)


def _headlines_stand_beside_ours(page):
    shown = page.text["headlines"]
    assert "2 of 3 published numbers" in shown
    assert "accuracy, natural0.920.9222yesabstract" in shown
    assert "natural betterp < .050.0145yesabstract" in shown
    assert "accuracy, noneabove 0.5—noabstract" in shown


def _experiments_are_kept_apart(page, out):
    estimates = pd.read_csv(out / "estimates.csv")
    rows = estimates[
        (estimates["measure"] == "accuracy") & (estimates["by"] == "all") & (estimates["trial_kind"] == "main")
    ]
    assert len(rows) == 6
    assert all(pages.percent(value) in page.text["result"] for value in rows["estimate"])
    for name in ("experiment_1_accuracy_by_layer", "experiment_2_accuracy_by_layer"):
        assert (out / "figures" / f"{name}.svg").exists()
        assert name in page.values("data-table")


def test_estimates_are_needed_and_named(tmp_path):
    with pytest.raises(store.StoreError, match="estimates"):
        write_reproduction(tmp_path)


def test_without_headlines_the_page_says_so(out, parse):
    (out / "published.csv").unlink()
    rows = pd.read_csv(out / "estimates.csv", keep_default_na=False)
    rows[(rows["by"] == "all") & (rows["experiment"] == 1)].to_csv(out / "estimates.csv", index=False)
    write_reproduction(out)
    assert "No table of published headlines" in parse(out / "index.html").text["headlines"]
