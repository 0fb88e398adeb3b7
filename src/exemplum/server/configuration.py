"""What the server would refuse of a study's [server] section and texts, told before any work is done."""

from __future__ import annotations

from exemplum.errors import did_you_mean, shown
from exemplum.server import texts
from exemplum.study import EXPERTISE, Study

FREE = ("language.", "condition.", f"field.{EXPERTISE}.option.")  # texts that studies add: languages, methods, groups


def check(study: Study) -> None:
    """Raise UserError for a language without texts, a broken file of texts, and texts that no page shows."""
    said = study.config.server
    with study.setting("[server] languages"):
        texts.check_languages(study.folder, said.languages)
    shipped = texts.read(texts.SHIPPED / "en.toml")
    own = tuple(f"field.{field.name}." for field in said.fields)
    for path in sorted((study.folder / "texts").glob("*.toml")):
        for key in texts.read(path):
            if key not in shipped and not key.startswith((*FREE, *own)):
                raise texts.TextsError(f"{path}: no page shows a text {shown(key)}{did_you_mean(key, shipped)}")
