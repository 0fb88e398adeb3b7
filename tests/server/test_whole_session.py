"""A whole session from consent to code, by the contract of docs/reference/server-api.md."""

from server.walk import Walker


def test_a_session_goes_from_consent_to_a_code(serve):
    client = serve()
    walker = Walker(client)
    begun = walker.start()
    assert begun.status_code == 201
    assert begun.json()["state"]["step"]["kind"] == "consent"
    kinds = []
    end = walker.walk(until=lambda step: kinds.append(step["kind"]))
    session = client.experiment.design.sessions[0]
    trials = len(session.trials) + sum(block.repeats for block in session.blocks)
    assert end["outcome"] == "completed"
    assert len(end["code"]) == 10
    assert end["answered"] == trials == len(walker.given)
    blocks = ["block", "break"] * len(session.blocks)
    assert kinds == ["consent", "form", "check", "instructions", "intuitiveness", *blocks, "debrief", "finished"]
