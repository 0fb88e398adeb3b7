"""The published trials, imported: their structure is that of the protocols, and their oddities are reported."""

import shutil

import pandas as pd
import pytest

from exemplum.analysis.importers import borowski2021
from exemplum.errors import UserError
from exemplum.responses import table


@pytest.fixture(scope="module")
def imported(shared_data):
    return borowski2021.read(shared_data / "borowski2021")


@pytest.fixture(scope="module")
def found(imported):
    return {(f.experiment, f.what): f for f in imported.findings}


def test_the_answers_pass_the_checks_of_any_study(imported):
    assert len(table.check(imported.responses, negative_times=True)) == 1860 + 4968


def test_two_published_reaction_times_are_negative(imported):
    with pytest.raises(UserError, match=r"is -68\.65215301513672 \(2 rows\)"):
        table.check(imported.responses)


def test_a_clone_of_the_authors_repository_is_read_as_it_is(imported, shared_data, tmp_path):
    published = shared_data / "borowski2021"
    clone = tmp_path / "testing_visualizations"
    (clone / "human_experiments").mkdir(parents=True)
    shutil.copytree(published, clone / "data_from_human_experiments", ignore=shutil.ignore_patterns("exp_*"))
    for experiment in ("exp_i", "exp_ii"):
        lists = clone / "human_experiments" / experiment / "layer_folder_mapping"
        shutil.copytree(published / f"{experiment}_units", lists)
    (lists / "layer_folder_mapping_warm_up_trials.csv").unlink()  # Experiment I's, which is the same, will do
    of_clone = borowski2021.read(clone)
    pd.testing.assert_frame_equal(of_clone.responses, imported.responses)
    pd.testing.assert_frame_equal(of_clone.ratings, imported.ratings)


def test_every_participant_has_the_trials_of_the_protocol(imported):
    r = imported.responses
    first = r[r["experiment"] == "1"].groupby(["participant", "trial_kind"]).size().unstack()
    assert first.drop_duplicates().to_dict("records") == [{"catch": 18, "main": 135, "practice": 15, "repeated": 18}]
    second = r[r["experiment"] == "2"].groupby(["participant", "trial_kind"]).size().unstack()
    assert second.drop_duplicates().to_dict("records") == [{"catch": 32, "main": 160, "practice": 24}]
    assert (len(first), len(second)) == (10, 23)


def test_units_have_their_names_in_the_network(imported):
    main = imported.responses[imported.responses["trial_kind"] == "main"]
    assert main.groupby("experiment")["unit"].nunique().tolist() == [45, 80]
    hand_picked = main[(main["experiment"] == "1") & (main["selection"] == "hand_picked")]
    assert hand_picked.groupby("layer")["unit"].nunique().tolist() == [1] * 9
    row = main[main["unit"] == "mixed4a:257"].iloc[0]
    assert (row["layer"], row["channel"], row["branch"]) == ("mixed4a", 257, "3x3")


def test_channels_lie_in_the_branch_that_they_are_said_to(imported):
    # InceptionV1's mixed3a has 64, 128, 32 and 32 channels in its branches, in this order
    ends = {"1x1": (0, 64), "3x3": (64, 192), "5x5": (192, 224), "pool": (224, 256)}
    for row in imported.responses.query("layer == 'mixed3a'").drop_duplicates("unit").itertuples():
        low, high = ends[row.branch]
        assert low <= row.channel < high, row.unit


def test_right_means_the_maximal_query_and_times_are_in_ms(imported):
    r = imported.responses
    assert ((r["choice"] == r["max_side"]) == r["correct"]).all()
    assert 4000 < r["rt_ms"].median() < 5000


def test_repeated_trials_show_what_their_first_showing_did(imported, found):
    r = imported.responses.set_index(["experiment", "trial_id"])
    repeated = r[r["repeats"] != ""]
    assert len(repeated) == 180
    first = r.loc[[("1", name) for name in repeated["repeats"]]]
    assert (first["trial_kind"] == "main").all()
    assert (
        first[["unit", "batch", "condition"]].to_numpy() == repeated[["unit", "batch", "condition"]].to_numpy()
    ).all()
    assert found["1", "repeated trials with the queries in exchanged places"].count == 92


def test_schemes_and_expertise_of_the_second_experiment(imported):
    second = imported.responses[imported.responses["experiment"] == "2"]
    assert set(second["scheme"]) == {"Max-1", "Max-9", "Min-Max-1", "Min-Max-9"}
    assert second.groupby("expertise")["participant"].nunique().to_dict() == {"expert": 10, "lay": 13}


def test_oddities_are_counted_and_kept(found):
    expected = {
        ("1", "negative reaction times"): 1,
        ("2", "negative reaction times"): 1,
        ("2", "reaction times above 60 s"): 21,
        ("1", "subject_id_within_expert_type values shared by two people"): 0,
        ("2", "subject_id_within_expert_type values shared by two people"): 10,
        ("1", "layer, kernel and channel that name several units"): 0,
        ("2", "layer, kernel and channel that name several units"): 20,
        ("1", "correct that disagrees with response and query_order"): 0,
    }
    assert {key: found[key].count for key in expected} == expected
    assert "p05 trial 163" in found["1", "negative reaction times"].detail


def test_ratings_name_the_unit_rated_and_who_rated(imported):
    ratings = imported.ratings
    assert ratings.groupby(["experiment", "phase"]).size().to_dict() == {
        ("1", "pre"): 30,
        ("2", "post"): 69,
        ("2", "pre"): 69,
    }
    assert set(ratings["unit"]) == {"mixed3a:43", "mixed4b:504", "mixed5b:17"}
    assert ratings["rating"].between(-100, 100).all()


def copied(shared_data, tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(shared_data / "borowski2021", folder)
    for path in folder.rglob("*"):
        path.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("instr_type", "reference", "lacks the columns instr_type"),
        (",optimized,", ",optimised,", "'optimised'"),
        (",layer_3,", ",layer_33,", "not in the lists of units"),
    ],
)
def test_files_unlike_the_published_are_refused_in_one_line(shared_data, tmp_path, old, new, message):
    folder = copied(shared_data, tmp_path)
    path = folder / borowski2021.TRIALS["1"]
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=message) as caught:
        borowski2021.read(folder)
    assert "\n" not in str(caught.value)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(UserError, match="experiment_I_main"):
        borowski2021.read(tmp_path)
