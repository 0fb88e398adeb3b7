"""Names of images: sealed, fresh for each showing, and read by the server alone."""

import secrets

from hypothesis import given, strategies as st

from exemplum.server.pages.images import NAME, image_url, picture_of

SECRET = secrets.token_bytes(32)
PICTURES = st.binary(min_size=16, max_size=16).map(bytes.hex)


@given(PICTURES, st.sampled_from(["jpeg", "png"]), st.text(max_size=22), st.text(max_size=30))
def test_a_name_leads_back_to_its_picture(digest, form, image_ref, slot):
    name = image_url(SECRET, image_ref, slot, f"{digest}.{form}")[2:]
    assert len(name) == NAME
    assert picture_of(SECRET, name) == f"{digest}.{form}"


@given(PICTURES, st.integers(0, NAME - 1), st.characters(codec="ascii"))
def test_a_changed_name_is_none(digest, at, letter):
    name = image_url(SECRET, "r", "s", f"{digest}.jpeg")[2:]
    changed = name[:at] + letter + name[at + 1 :]
    assert picture_of(SECRET, changed) == (f"{digest}.jpeg" if changed == name else None)


def test_a_picture_has_a_name_per_place_session_and_study():
    names = {
        image_url(secret, session, slot, f"{'ab' * 16}.jpeg")
        for secret in (SECRET, secrets.token_bytes(32))
        for session in ("one", "two")
        for slot in ("t1.top", "t1.bottom", "t2.top")
    }
    assert len(names) == 12
    assert not any(a[:12] == b[:12] for a in names for b in names if a != b)
