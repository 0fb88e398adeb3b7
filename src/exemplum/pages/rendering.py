"""Templates of pages: those of a room, which extend the template that all pages share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def render(room: str, template: str, filters: Mapping[str, Callable[..., Any]], **values: Any) -> str:
    """Render a template of a room, such as `exemplum.report`; a missing value is an error.

    It may extend, include and import the templates of this package: `base.html.j2`, `style.css` and macros.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(room), PackageLoader("exemplum.pages")]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= filters
    return environment.get_template(template).render(**values)
