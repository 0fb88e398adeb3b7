"""Who is taken: quotas of groups, and people who are screened out."""

import pytest
from sqlalchemy import select, update

from exemplum.errors import UserError
from exemplum.server.sessions.entry import link_code
from exemplum.server.storage.schema import SessionRow, now_ms
from exemplum.study import Study
from server.conftest import ON_SQLITE
from server.walk import Walker

QUESTION = '[server]\ngroups = "question"\nquotas = {expert = 1, lay = 2}\n'
ENTERED = {"age": 30, "gender": "female", "handedness": "left", "visual_aid": "none"}


def come(client, group="", **params):
    """A person up to the end of the form; the next step."""
    walker = Walker(client, **params)
    assert walker.start().status_code == 201
    form = walker.walk(until=lambda step: step["kind"] in ("form", "check"))
    if form["kind"] == "form":
        walker.do(form, ENTERED | ({"expertise": group} if group else {}))
    return walker, walker.step()


def test_beyond_a_groups_quota_people_are_screened_out_until_somebody_leaves(serve):
    client = serve(QUESTION + '[server.codes]\nscreened_out = "FULL1"\n')
    _, step = come(client, "expert")
    assert step["kind"] == "check"
    _, step = come(client, "expert")  # the first is under way and holds the place
    assert (step["kind"], step["outcome"], step["code"]) == ("finished", "screened_out", "FULL1")
    for _ in range(2):
        assert come(client, "lay")[1]["kind"] == "check"
    assert client.get("/api/config").json()["open"] is False  # every quota is full
    assert Walker(client).start().json()["error"]["code"] == "closed"
    long_ago = now_ms() - 121 * 60_000
    client.experiment.database.writer.submit_sync(lambda orm: orm.execute(update(SessionRow).values(seen_at=long_ago)))
    assert come(client, "expert")[1]["kind"] == "check"  # a dropout's place is free again


@ON_SQLITE
def test_the_link_of_a_full_group_is_closed_and_pilots_enter(serve):
    client = serve('[server]\ngroups = "link"\nquotas = {expert = 1}\n')
    code = {name: link_code(client.experiment, name) for name in ("expert", "lay", "pilot.expert")}
    assert come(client, link=code["expert"])[1]["kind"] == "check"
    assert Walker(client, link=code["expert"]).start().json()["error"]["code"] == "closed"
    assert client.get("/api/config", params={"link": code["expert"]}).json()["open"] is False
    assert client.get("/api/config", params={"link": code["lay"]}).json()["open"] is True  # no quota
    for name in ("lay", "pilot.expert"):
        assert come(client, link=code[name])[1]["kind"] == "check"


@ON_SQLITE
def test_an_answer_of_the_form_screens_out_and_the_page_does_not_know_which(serve):
    client = serve(
        '[[server.fields]]\nname = "colours"\ntype = "choice"\nrequired = true\noptions = ["all", "not_all"]\n'
        'screen_out = ["not_all"]\n'
    )
    for answer, kind in (("not_all", "finished"), ("all", "check")):
        walker = Walker(client)
        walker.start()
        form = walker.walk(until=lambda step: step["kind"] == "form")
        assert "screen_out" not in form["fields"][-1]
        walker.do(form, ENTERED | {"colours": answer})
        assert walker.step()["kind"] == kind
    with client.experiment.database.read() as orm:
        found = orm.execute(select(SessionRow.outcome, SessionRow.slot, SessionRow.code)).all()
    assert [tuple(row) for row in found] == [("screened_out", None, ""), ("", 1, "")]


WRONG = [
    ("[server]\nquotas = {lay = 3}\n", "quotas need groups"),
    ('[server]\ngroups = "link"\nquotas = {novice = 3}\n', "'novice', which is none of group_names"),
    ('[[server.fields]]\nname = "x"\ntype = "choice"\noptions = ["a"]\nscreen_out = ["b"]\n', "'b'"),
    ('[server.pay]\nbonus = "fixed"\n', "bonus_amount belong together"),
    ('[server.pay]\nreject = ["catch"]\n', "reject must name rules of [exclusions]"),
]


@pytest.mark.parametrize(("toml", "said"), WRONG)
def test_keys_that_cannot_be_meant_are_refused(tmp_path, toml, said):
    (tmp_path / "study.toml").write_text(toml, encoding="utf-8")
    with pytest.raises(UserError, match=r"study\.toml") as refused:
        Study.open(tmp_path)
    assert said in str(refused.value)
