"""The migrations make what the schema declares, and cannot lose what guards it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from regulatory_assets.control.append_only import UnguardedError, faults
from regulatory_assets.control.database import (
    MIGRATIONS,
    VERSION_TABLE,
    NewerDatabaseError,
    connect,
    migrate,
)
from regulatory_assets.control.register import Register
from regulatory_assets.control.schema import METADATA

from .examples import DAY, delivery, only_sqlite, reads, revision

NEXT = 1 + len(list((MIGRATIONS / "versions").glob("v*.py")))
"""The number of the migration that would come next."""

HEAD = """
import sqlalchemy as sa
from alembic import op
from regulatory_assets.control import append_only

revision, down_revision = "{0}", "{1}"

def upgrade():
"""
LOSES = """
    with op.batch_alter_table("deliveries", recreate="always") as batch:
        batch.add_column(sa.Column("note", sa.Text))
"""
KEEPS = """
    copy_from = append_only.METADATA.tables["deliveries"].to_metadata(sa.MetaData())
    with op.batch_alter_table("deliveries", recreate="always", copy_from=copy_from) as batch:
        batch.add_column(sa.Column("note", sa.Text))
"""
LOSES_CHECKS = """
    copy_from = append_only.METADATA.tables["deliveries"].to_metadata(sa.MetaData())
    for check in [c for c in copy_from.constraints if isinstance(c, sa.CheckConstraint)]:
        copy_from.constraints.remove(check)
    with op.batch_alter_table("deliveries", recreate="always", copy_from=copy_from) as batch:
        batch.add_column(sa.Column("note", sa.Text))
"""
LOSES_WITHOUT_ROWID = """
    copy_from = append_only.METADATA.tables["deliveries"].to_metadata(sa.MetaData())
    copy_from.dialect_options["sqlite"]["with_rowid"] = True
    with op.batch_alter_table("deliveries", recreate="always", copy_from=copy_from) as batch:
        batch.add_column(sa.Column("note", sa.Text))
"""
GUARDS = """
    append_only.guard(op.get_bind(), append_only.EventTable("deliveries", keys=(("batch",),)))
"""


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    """A copy of the migrations, in a folder whose name Alembic's configuration would mistake."""
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "100% %(here)s: mine"))


def add(migrations: Path, number: int, *body: str) -> None:
    names = f"{number:04}", f"{number - 1:04}"
    script = HEAD.format(*names) + "".join(body)
    (migrations / "versions" / f"v{names[0]}_next.py").write_text(script)


def version(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar())


def fill(engine: Engine) -> None:
    register = Register(engine)
    register.commit([revision("deals")], delivery())
    register.commit([revision("flows", inputs=(reads("deals", 1),))])


def test_the_migrations_make_what_the_schema_declares(control_engine: Engine) -> None:
    with control_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []
        assert faults(connection, complete=True) == []


def test_migrating_again_changes_nothing(control_engine: Engine) -> None:
    fill(control_engine)
    migrate(control_engine)
    assert len(Register(control_engine).history("flows", DAY)) == 1


def test_a_batch_migration_that_loses_triggers_is_rolled_back(
    control_engine: Engine, migrations: Path
) -> None:
    fill(control_engine)
    add(migrations, NEXT, LOSES)

    with pytest.raises(UnguardedError, match=r"deliveries: trigger deliveries_no_.* is missing"):
        migrate(control_engine, migrations=migrations)

    assert version(control_engine) == f"{NEXT - 1:04}"
    migrate(control_engine)
    assert "note" not in {c["name"] for c in inspect(control_engine).get_columns("deliveries")}
    with pytest.raises(IntegrityError, match="append-only"), control_engine.begin() as connection:
        connection.execute(text("DELETE FROM deliveries"))


def test_triggers_lost_in_one_step_and_made_in_the_next_are_noticed(
    control_engine: Engine, migrations: Path
) -> None:
    add(migrations, NEXT, KEEPS)
    add(migrations, NEXT + 1, GUARDS)
    with pytest.raises(UnguardedError, match="deliveries: trigger"):
        migrate(control_engine, migrations=migrations)


def test_a_batch_migration_that_loses_checks_is_rolled_back(
    control_engine: Engine, migrations: Path
) -> None:
    add(migrations, NEXT, LOSES_CHECKS, GUARDS)
    with pytest.raises(UnguardedError, match="CHECK deliveries_counts_balance is missing"):
        migrate(control_engine, migrations=migrations)


@only_sqlite
def test_a_batch_migration_that_gives_rows_a_rowid_is_rolled_back(
    control_engine: Engine, migrations: Path
) -> None:
    add(migrations, NEXT, LOSES_WITHOUT_ROWID, GUARDS)
    with pytest.raises(UnguardedError, match="deliveries: WITHOUT ROWID is missing"):
        migrate(control_engine, migrations=migrations)


def test_a_batch_migration_that_guards_what_it_remade_passes(
    control_engine: Engine, migrations: Path
) -> None:
    fill(control_engine)
    add(migrations, NEXT, KEEPS, GUARDS)

    migrate(control_engine, migrations=migrations)

    assert version(control_engine) == f"{NEXT:04}"
    with control_engine.connect() as connection:
        rows = connection.execute(text("SELECT batch, note FROM deliveries")).all()
    assert [tuple(row) for row in rows] == [("batch-1", None)]
    for change in ("DELETE FROM deliveries", "UPDATE deliveries SET note = 'x'"):
        with pytest.raises(IntegrityError, match="append-only"), control_engine.begin() as c:
            c.execute(text(change))


@only_sqlite
def test_a_table_that_others_refer_to_can_be_remade(
    control_engine: Engine, migrations: Path
) -> None:
    fill(control_engine)
    remake = KEEPS.replace('"deliveries"', '"register"')
    restore = """
    (table,) = (t for t in append_only.APPEND_ONLY if t.name == "register")
    append_only.guard(op.get_bind(), table)
"""
    add(migrations, NEXT, remake, restore)

    migrate(control_engine, migrations=migrations)

    with control_engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM register")).scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA foreign_key_list(consumed)").all()


@only_sqlite
def test_a_migration_that_breaks_references_is_rolled_back(
    control_engine: Engine, migrations: Path
) -> None:
    fill(control_engine)
    body = """
    op.execute("DROP TRIGGER register_no_delete")
    op.execute("DELETE FROM register WHERE table_name = 'deals'")
    (table,) = (t for t in append_only.APPEND_ONLY if t.name == "register")
    append_only.guard(op.get_bind(), table)
"""
    add(migrations, NEXT, body)
    with pytest.raises(ValueError, match=r"breaks foreign keys.*consumed"):
        migrate(control_engine, migrations=migrations)
    assert len(Register(control_engine).history("deals", DAY)) == 1


def test_a_migration_that_fails_half_way_leaves_nothing(
    new_control_url: Callable[[], str], migrations: Path
) -> None:
    add(migrations, NEXT, "    op.create_table('extra', sa.Column('a', sa.Text))\n    1 / 0\n")
    engine = connect(new_control_url())
    with pytest.raises(ZeroDivisionError):
        migrate(engine, migrations=migrations)
    assert inspect(engine).get_table_names() == []
    migrate(engine)
    fill(engine)
    engine.dispose()


def test_a_database_newer_than_the_code_is_refused(
    control_engine: Engine, migrations: Path
) -> None:
    add(migrations, NEXT, "    pass\n")
    migrate(control_engine, migrations=migrations)
    said = rf"at version {NEXT:04}.*its newest is {NEXT - 1:04}.*install"
    with pytest.raises(NewerDatabaseError, match=said):
        migrate(control_engine)
    assert version(control_engine) == f"{NEXT:04}"


def test_another_product_may_keep_its_version_beside_ours(
    new_control_url: Callable[[], str],
) -> None:
    engine = connect(new_control_url())
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('dagster')"))
    migrate(engine)
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT version_num FROM alembic_version")).scalars()
        assert list(kept) == ["dagster"]
    engine.dispose()
