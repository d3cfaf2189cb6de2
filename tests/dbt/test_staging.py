"""The staging models are those that the schemas ask for."""

from __future__ import annotations

from scripts import dbt


def test_staging_models_are_up_to_date() -> None:
    texts = dbt.build()
    assert {*dbt.STAGING.iterdir()} == {*texts}, "run `python -m scripts.dbt`"
    for path, text in texts.items():
        assert path.read_text(encoding="utf-8") == text, "run `python -m scripts.dbt`"


def test_rules_name_fields_of_the_schemas() -> None:
    for stream, fields in dbt.PARTS.items():
        assert {*fields} <= dbt.columns_of(stream).keys()
        assert {*fields} <= dbt.columns_of("snapshots").keys()
        assert "snapshot_time" in dbt.columns_of(stream)
    for stream, field in dbt.ACCEPTED:
        assert field in dbt.columns_of(stream)
