"""Single-use links: each admits one person, who may come back; a second person is refused."""

import pytest
from sqlalchemy import select

from exemplum.server.sessions import invitations
from exemplum.server.sessions.invitations import BatchError
from exemplum.server.storage.schema import Audit, Participant
from server.conftest import ON_SQLITE
from server.test_experimenter import let_in, press, session_page
from server.walk import Walker


def issue(client, name="autumn", size=3, group=""):
    """The invitations of a new batch."""
    experiment = client.experiment
    batch = experiment.database.writer.submit_sync(
        lambda orm: invitations.issue(orm, experiment.study_id, name, size, group)
    )
    return [invitations.invitation(experiment.secret, batch, number) for number in range(1, size + 1)]


def counted(client):
    with client.experiment.database.read() as orm:
        found = invitations.counts(orm, client.experiment.study_id)
    return [(of.batch.name, of.batch.size, of.used, of.completed, of.unused) for of in found]


def test_a_link_admits_one_person_who_may_come_back(serve):
    client = serve()
    first, second, _ = issue(client)
    walker = Walker(client, invite=first)
    begun = walker.start().json()
    assert begun.get("resumed") is False, begun
    walker.walk(until=lambda step: step["kind"] == "block")
    again = walker.start().json()  # the page is loaded again
    assert (again["token"], again["state"]["step"]["kind"]) == (walker.token, "block")
    walker.key = "another-load-of-the-page"  # its storage kept the token alone
    assert walker.start().json()["resumed"] is True
    for _ in range(2):  # while the session runs, and after it
        assert Walker(client, invite=first).start().json()["error"]["code"] == "used_link"
        walker.walk()
    assert walker.state()["step"]["outcome"] == "completed"
    assert Walker(client, invite=second).start().status_code == 201
    assert counted(client) == [("autumn", 3, 2, 1, 1)]


def test_a_link_stays_used_after_a_withdrawal(serve):
    client = let_in(serve())
    first, *_ = issue(client)
    Walker(client, invite=first).start()
    assert press(client, f"{session_page(client)}/withdraw", sure="yes").status_code == 200
    assert Walker(client, invite=first).start().json()["error"]["code"] == "used_link"
    assert counted(client) == [("autumn", 3, 1, 0, 2)]


@ON_SQLITE
def test_links_cannot_be_guessed_or_made_from_others(serve):
    client = serve()
    first, *_ = issue(client)
    name, number, code = first.split("-", 2)
    for guess in (
        f"{name}-2-{code}",
        f"{name}-4-{code}",
        f"winter-1-{code}",
        f"{name}-1-{code[::-1]}",
        "autumn-1",
        "x",
    ):
        assert Walker(client, invite=guess).start().json()["error"]["code"] == "bad_link", guess
    assert number == "1"


@ON_SQLITE
def test_a_batch_gives_its_group_and_is_recorded(serve):
    client = serve('[server]\ngroups = "link"\n')
    [link] = issue(client, "experts", 1, "expert")
    Walker(client, invite=link, PROLIFIC_PID="ignored").start()
    with client.experiment.database.read() as orm:
        person = orm.scalars(select(Participant)).one()
        noted = orm.execute(select(Audit.action, Audit.detail)).one()
    assert (person.group, person.source, person.external_id) == ("expert", "invitation", link)
    assert tuple(noted) == ("single-use links", "experts: 1, expert")


WRONG = [
    ("", 1, "1 to 40"),
    ("a-b", 1, "1 to 40"),
    ("x", 0, "from 1"),
    ("x", 10_001, "10,000"),
    ("autumn", 1, "another"),
]


@ON_SQLITE
def test_batches_that_cannot_be_issued_say_why(serve):
    client = serve()
    issue(client)
    for name, size, said in WRONG:
        with pytest.raises(BatchError, match=said):
            issue(client, name, size)


@ON_SQLITE
def test_a_link_whose_end_a_mail_program_cut_off_is_the_same_link(serve):
    client = serve()
    whole = next(link for link in issue(client, size=1000) if link.endswith(("-", "_")))
    assert Walker(client, invite=whole[:-1]).start().status_code == 201
    assert Walker(client, invite=whole).start().json()["error"]["code"] == "used_link"
    assert Walker(client, invite=whole[:-2]).start().json()["error"]["code"] == "bad_link"
