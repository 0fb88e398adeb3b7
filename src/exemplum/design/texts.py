"""Every word that observers read, by language: shipped in `languages/`, and changed by a study in STUDY/texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from exemplum.errors import UserError, shown
from exemplum.study import toml_files

SHIPPED = Path(__file__).parent / "languages"
# Texts for a special case → those for all cases: a study that writes the latter itself need not know of the former
SPECIAL = {
    "trial.question_upright": "trial.question",
    **{f"condition.synthetic.look{end}": f"instructions.example.right{end}" for end in ("", "_one")},
    **{f"condition.synthetic.common{end}": f"instructions.example.common{end}" for end in ("", "_one")},
}


class TextsError(UserError):
    """A file of texts is missing or broken; the message names it."""


def load(folder: Path, languages: Iterable[str]) -> dict[str, dict[str, str]]:
    """Texts by language and key. `folder` is the study's; its texts are in `texts/LANGUAGE.toml`.

    A language that is not shipped needs a file of the study; missing keys are taken from English, and those of SPECIAL
    from the study's own text for all cases. Raises TextsError.
    """
    check_languages(folder, languages := tuple(languages))
    found = {}
    for language in languages:
        own = folder / "texts" / f"{language}.toml"
        written = read(own) if own.exists() else {}
        follow = {key: written[general] for key, general in SPECIAL.items() if general in written}
        found[language] = {**shipped()["en"], **shipped().get(language, {}), **follow, **written}
    return found


@cache
def shipped() -> Mapping[str, Mapping[str, str]]:
    """The texts that come with Exemplum, by language and key."""
    return MappingProxyType({path.stem: MappingProxyType(read(path)) for path in sorted(SHIPPED.glob("*.toml"))})


def check_languages(folder: Path, languages: Iterable[str]) -> None:
    """Raise TextsError for a language that is neither shipped nor has a file in the study."""
    for language in languages:
        own = folder / "texts" / f"{language}.toml"
        if language not in shipped() and not own.exists():
            raise TextsError(
                f"there are no texts in {language!r}: create the file {own}, or choose from {', '.join(shipped())}"
            )


def read(path: Path) -> dict[str, str]:
    """The texts of a file by their whole keys, as in `consent.text`. Raises UserError naming the file."""
    return dict(_flat(toml_files.read(path), "", path))


def _flat(table: dict[str, Any], prefix: str, path: Path) -> Iterable[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.", path)
        elif isinstance(value, str):
            yield prefix + key, value.strip()
        else:
            raise TextsError(f"{path}: {shown(prefix + key)} must be text in quotes (got {shown(value)})")
