"""Schemas, their page, and the tables' checks."""

import numpy as np
import pandas as pd
import pytest

from exemplum import store, tables


def test_every_schema_has_its_section_on_the_page_and_its_name_in_a_study():
    """Oracle: the schemas of the module itself."""
    declared = [value for value in vars(tables).values() if isinstance(value, tables.Table)]
    assert {table.name for table in declared} == {table.name for table in tables.ALL}
    assert "queries" in tables.BY_NAME
    assert all(table.files for table in tables.ALL)


def test_a_table_of_a_study_is_read_from_where_it_lies(tmp_path):
    """Finished stimuli have their units among the explanations."""
    units = tables.STUDY_UNITS.write(tmp_path / "explanations/units.parquet", [])
    pd.testing.assert_frame_equal(tables.StudyTables(tmp_path).study_units, units)
    with pytest.raises(store.StoreError, match=r"queries/queries\.parquet does not exist"):
        tables.StudyTables(tmp_path).queries  # noqa: B018


def test_summaries_say_what_tables_hold_and_not_where_they_lie():
    assert tables.RESPONSES.summary == "One row per answer, of people and machines."
    assert tables.STUDY_UNITS.summary == "The units that the study tests."
    assert not any(";" in table.summary or ".parquet" in table.summary for table in tables.ALL)


def test_lists_of_texts_are_one_text_each_and_nothing_else_changes():
    rows = pd.DataFrame({"paths": [("a", "b"), ()], "name": ["x y", "z"], "n": [1, 2]})
    flat = store.flat(rows)
    assert flat["paths"].tolist() == ["a b", ""]
    pd.testing.assert_frame_equal(flat[["name", "n"]], rows[["name", "n"]])
    assert rows["paths"].tolist() == [("a", "b"), ()]
    assert store.flat(rows.iloc[:0]).empty


def test_a_table_comes_back_as_it_was_written(tmp_path):
    rows = [{"image": "größe.png", "reason": "truncated"}, {"image": "b", "reason": ""}]
    written = tables.IMAGES.write(tmp_path / "broken.parquet", rows)
    pd.testing.assert_frame_equal(tables.IMAGES.read(tmp_path / "broken.parquet"), written)


def test_an_empty_table_keeps_columns_and_types(tmp_path):
    tables.TRIALS.write(tmp_path / "t.parquet", [])
    read = tables.TRIALS.read(tmp_path / "t.parquet")
    assert list(read.columns) == list(tables.TRIALS.columns)
    assert read["block"].dtype == np.int64


@pytest.mark.parametrize(
    ("rows", "message"),
    [([{"image": "a"}], "lacks the columns reason"), ([{"image": "a", "reason": "", "x": 1}], "unknown columns")],
)
def test_a_wrong_column_is_named(rows, message):
    with pytest.raises(store.StoreError, match=message):
        tables.IMAGES.frame(rows)


def test_absent_and_broken_files_are_named(tmp_path):
    with pytest.raises(store.StoreError, match=r"absent\.parquet does not exist"):
        tables.IMAGES.read(tmp_path / "absent.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"not parquet")
    with pytest.raises(store.StoreError, match=r"broken\.parquet is not a Parquet file"):
        tables.IMAGES.read(tmp_path / "broken.parquet")


def test_a_failed_write_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "kept.txt"
    store.write_text(path, "earlier")
    with pytest.raises(TypeError, match="must be str"):
        store.write_text(path, b"not text")
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]
