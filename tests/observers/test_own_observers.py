"""Faults of a user's observer: each in one line with file and line. Oracle: the line written into the file."""

import pytest

from exemplum.observers import ObserverError, UnableError, load, stage
from exemplum.study.folder import Study
from exemplum.tables import RESPONSES

HEAD = """from exemplum.records import Response, Side
from exemplum.observers import UnableError

class Own:
    name = "own"
    def __init__(self, study=None, **wrong):
        self.wrong = wrong
    def respond(self, trial, rng):
        given = {"trial_id": trial.trial_id, "observer": self.name, "choice": Side.TOP, "confidence": 2}
        return Response(**(given | self.wrong))

"""


def with_observers(study: Study, *names: str) -> Study:
    (study.folder / "study.toml").write_text(f"seed = 4\n[observers]\nrun = {list(names)}\n".replace("'", '"'))
    return Study.open(study.folder)


def wrong(field: str, value: str) -> str:
    return f"def make(study):\n    return Own(**{{{field!r}: {value}}})\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (wrong("trial_id", "'p09'"), r"trial_id is 'p09'; it must be that of the trial \(.*own\.py, line 8\)"),
        (wrong("observer", "'me'"), "observer is 'me'; it must be the observer's name, 'own'"),
        (wrong("choice", "1"), r"choice is 1; it must be Side\.TOP or Side\.BOTTOM"),
        (wrong("confidence", "0"), "confidence is 0; it must be 1, 2 or 3"),
        (wrong("confidence", "2.5"), "confidence is 2.5; it must be 1, 2 or 3"),
        (wrong("rt_ms", "float('inf')"), "rt_ms is inf; it must be a time above 0 in milliseconds, or None"),
        (wrong("rt_ms", "-3"), "rt_ms is -3; it must be"),
        (wrong("rt_ms", "1e308"), r"rt_ms is 1e\+308; it must be .* the longest is 1000000000"),
        (wrong("choice", "__import__('numpy').ones(2)"), r"choice is array\(\[1., 1.\]\); it must be Side"),
        (wrong("confidence", "__import__('numpy').ones(1)"), r"confidence is array\(\[1.\]\); it must be 1, 2 or 3"),
        ("class make(Own):\n    name = 'x' * 61", "has a name of 61 characters; give it one of at most 60"),
        ("class make(Own):\n    name = 'a\\nb'", r"has the name 'a\\nb'; remove its unprintable characters"),
        (
            "class make(Own):\n    @property\n    def name(self):\n        return {}['x']",
            r"observer own:make failed: KeyError: 'x' \(.*own\.py, line 15\)",
        ),
        (
            "class make(Own):\n    def respond(self, trial, rng):\n        raise UnableError('no glasses')",
            "observer own:make, on p01-.*: no glasses; raise UnableError when the observer is made",
        ),
        (
            "class make(Own):\n    def respond(self, trial, rng):\n        return trial.max_side",
            "respond returned a Side; it",
        ),
        (
            "class make(Own):\n    def respond(self, trial, rng):\n        [][1]",
            r"IndexError: list .*own\.py, line 14\)",
        ),
        (
            "class make(Own):\n    def respond(self, trial): ...",
            r"respond of .* cannot be called with the arguments that it is given: too many",
        ),
        ("class make(Own):\n    respond = None", "respond of observer own:make is a NoneType; it must be a function"),
        ("class make(Own):\n    name = ''", "returned a make without a name"),
        ("class make(Own):\n    name = 'participants'", "which is reserved for people; give it another name"),
        ("def make(study):\n    return None", r"returned a NoneType without a name; .*line 12\)"),
        (
            "def make(study):\n    raise KeyError('x')",
            r"observer own:make failed: KeyError: 'x' \(.*own\.py, line 13\)",
        ),
        ("def make(): ...", "observer own:make cannot be called with the arguments that it is given"),
        ("class make(Own):\n    name = 'all'", "is named all, which is reserved for all observers together; rename it"),
        ("make = 1", "observer own:make is a int; it must be a function"),
        ("import nothing_there", r"no observer 'own:make': own cannot be imported: ModuleNotFoundError: .*line 12\)"),
        ("def made(study): ...", "own has no 'make'; did you mean made?"),
    ],
)
def test_a_fault_of_an_observer_is_one_line_with_its_place(study, text, said):
    (study.folder / "own.py").write_text(HEAD + text)
    with pytest.raises(ObserverError, match=said) as caught:
        stage.run(with_observers(study, "own:make"))
    assert "\n" not in str(caught.value)
    assert not (study.stage("responses") / "machines.parquet").exists()


def test_an_observer_is_found_in_the_studys_folder(study):
    (study.folder / "own.py").write_text(HEAD)
    assert load("own:Own", study).name == "own"
    said = stage.run(with_observers(study, "own:Own", "chance"))
    assert set(said) == {"answers", "own", "chance"}


def test_an_observer_that_lacks_something_lets_the_others_answer(study):
    (study.folder / "own.py").write_text(HEAD + "def make(study):\n    raise UnableError('no glasses')\n")
    with pytest.raises(UnableError, match="no glasses"):
        load("own:make", study)
    assert stage.run(with_observers(study, "own:make", "chance"))["own:make"] == "cannot answer"


def test_two_observers_of_one_name_are_refused(study):
    (study.folder / "own.py").write_text(HEAD + "class Other(Own):\n    pass\n")
    with pytest.raises(ObserverError, match="own:Own and own:Other are both named 'own'; rename one of them"):
        stage.run(with_observers(study, "own:Own", "own:Other"))


def test_the_source_of_an_observer_is_in_the_fingerprint(study):
    (study.folder / "own.py").write_text(HEAD)
    before = stage.fingerprint(with_observers(study, "own:Own"))
    (study.folder / "own.py").write_text(HEAD.replace('"confidence": 2', '"confidence": 3'))
    assert stage.fingerprint(with_observers(study, "own:Own")) != before
    (study.folder / "own.py").write_text("# a reason\n" + HEAD)
    assert stage.fingerprint(with_observers(study, "own:Own")) == before


def test_a_trial_without_an_answer_has_no_row(study):
    text = (
        "from exemplum.observers import NoAnswerError\n"
        "class make(Own):\n"
        "    def respond(self, trial, rng):\n"
        "        if trial.condition == 'synthetic':\n"
        "            raise NoAnswerError('too strange')\n"
        "        return super().respond(trial, rng)\n"
    )
    (study.folder / "own.py").write_text(HEAD + text, encoding="utf-8")
    stage.run(with_observers(study, "own:make", "chance"))
    table = RESPONSES.read(study.stage("responses") / "machines.parquet")
    own, chance = (table[table["observer"] == name] for name in ("own", "chance"))
    assert set(chance["condition"]) - set(own["condition"]) == {"synthetic"}
    kept = chance[(chance["condition"] != "synthetic") & (chance["trial_kind"] != "repeated")]
    assert own[own["trial_kind"] != "repeated"]["trial_id"].tolist() == kept["trial_id"].tolist()
