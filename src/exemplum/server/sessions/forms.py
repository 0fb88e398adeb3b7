"""The forms of the pages: questions, and checks of the answers."""

from __future__ import annotations

from typing import Any

from exemplum import server
from exemplum.server import FieldSection, ServerSection
from exemplum.server.requests import ApiError

SHIPPED_FIELDS = {
    field.name: field
    for field in (
        FieldSection(name="age", type="integer", required=True, min=18, max=120, max_length=None),
        FieldSection(
            name="gender", type="choice", required=True, options=("female", "male", "non_binary", "no_answer"),
            max_length=None,
        ),
        FieldSection(
            name="handedness", type="choice", required=True, options=("right", "left", "both", "no_answer"),
            max_length=None,
        ),
        FieldSection(
            name="visual_aid", type="choice", required=True, max_length=None,
            options=("none", "glasses", "contact_lenses", "other", "no_answer"),
        ),
    )
}  # fmt: skip
COMMENT = FieldSection(name=server.COMMENT, type="text", max_length=2000)
GROUP = server.EXPERTISE  # the question that tells the group
Field = dict[str, Any]


def form_fields(section: ServerSection) -> list[Field]:
    """The demographics form: the chosen shipped questions, the question for the group, and the study's own."""
    fields = [SHIPPED_FIELDS[name] for name in section.demographics]
    if section.groups == "question":
        fields.append(
            FieldSection(name=GROUP, type="choice", required=True, options=section.group_names, max_length=None)
        )
    return [described(field) for field in (*fields, *section.fields)]


def described(field: FieldSection) -> Field:
    """A question as sent to the page."""
    return {
        "name": field.name, "type": field.type, "required": field.required, "min": field.min, "max": field.max,
        "max_length": field.max_length if field.type == "text" else None, "options": list(field.options),
    }  # fmt: skip


def checked(fields: list[Field], data: dict[str, Any]) -> dict[str, Any]:
    """The answers to a form, every question once, `None` where an optional one is empty.

    Raises ApiError bad_request naming the field.
    """
    known = {field["name"]: field for field in fields}
    for name in data:
        if name not in known:
            raise ApiError("bad_request", f"there is no question {name!r} in this form", field=name)
    return {name: _checked(field, data.get(name)) for name, field in known.items()}


def _checked(field: Field, value: Any) -> Any:
    name = field["name"]
    if value is None or value == "":
        if field["required"]:
            raise ApiError("bad_request", f"{name} must be answered", field=name)
        return None
    if field["type"] == "integer":
        if isinstance(value, bool) or not isinstance(value, int):
            raise ApiError("bad_request", f"{name} must be a whole number", field=name)
        low, high = field["min"], field["max"]
        if (low is not None and value < low) or (high is not None and value > high):
            raise ApiError("bad_request", f"{name} must lie between {low} and {high}", field=name)
        return value
    if not isinstance(value, str):
        raise ApiError("bad_request", f"{name} must be a text", field=name)
    if field["type"] == "choice" and value not in field["options"]:
        raise ApiError("bad_request", f"{name} must be one of {', '.join(field['options'])}", field=name)
    if field["max_length"] is not None and len(value) > field["max_length"]:
        raise ApiError("bad_request", f"{name} is longer than {field['max_length']} characters", field=name)
    return value.strip() if field["type"] == "text" else value
