"""One typed settings object; every value can be set by an environment variable.

The prefix is ``REGULATORY_ASSETS_``, so ``REGULATORY_ASSETS_CONTROL_URL`` sets ``control_url``.
Values that belong to one command are options of that command, not settings.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as Unreadable

PREFIX = "REGULATORY_ASSETS_"
"""With which the names of all environment variables begin."""


class SettingsError(Exception):
    """A setting that cannot be read; the message names the variables and what each may be."""


class FromEnvironment(BaseSettings):
    """Settings of which a wrong one is told by its variable, never by its value: that may hold a
    password. Raises SettingsError when it is made."""

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except Unreadable as error:  # what should be JSON is none; it does not say the value
            raise SettingsError(f"{error}; write JSON, or one variable for each entry") from None
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False)
            raise SettingsError("; ".join(_told(e["loc"], e["msg"]) for e in wrong)) from None


def _told(place: tuple[int | str, ...], problem: str) -> str:
    name = "__".join(str(part).upper() for part in place)
    said = problem.removeprefix("Value error, ")
    return f"{PREFIX}{name}: {said}; set it anew or unset it"


class Settings(FromEnvironment):
    """Where state lives and which engine computes."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    var: Path = Field(default=Path("var"), description="Folder of all state.")
    data: Path = Field(default=Path("data"), description="Folder of delivered files.")
    sources: Path | None = Field(
        default=None, description="Folder of further mappings of sources (*.yaml)."
    )
    quality: Path | None = Field(
        default=None,
        description="Folder of a bank's own `thresholds.yaml` and `ties.yaml`, laid over those of "
        "the package.",
    )
    control_url: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL of the control database; SQLite under var/."
    )
    anchors: Path | None = Field(
        default=None,
        description="Folder of the anchor file, better on another machine; var/anchors.",
    )
    platform_key: Path | None = Field(
        default=None,
        description="File of the key that signs anchors, made on first use; var/keys/platform.pem.",
    )
    vault_url: SecretStr | None = Field(
        default=None,
        description="SQLAlchemy URL of the database of personal data; SQLite under var/.",
    )
    vault_key: Path | None = Field(
        default=None,
        description="File of the master key of the vault, made on first use; var/keys/vault.key.",
    )
    engine: Literal["sail", "spark"] = Field(
        default="sail", description="Embedded Sail, or Apache Spark over Spark Connect."
    )
    cache_folder: Path | None = Field(
        default=None, description="Folder for what can be fetched again; var/cache."
    )
    rules_not_before: date = Field(
        default=date(2015, 1, 1),
        description="Days before this one are calculated by the rules in force on it.",
    )
    spark_remote: str | None = Field(
        default=None, description="URL (sc://...) of a Spark Connect server; empty: a local one."
    )

    @property
    def lake(self) -> Path:
        """Folder of the Delta tables, absolute."""
        return (self.var / "lake").resolve()

    @property
    def reports(self) -> Path:
        """Folder of pages for people, absolute."""
        return (self.var / "reports").resolve()

    @property
    def cache(self) -> Path:
        """Folder for what can be fetched or computed again, absolute."""
        return (self.cache_folder or self.var / "cache").resolve()

    @property
    def anchor_folder(self) -> Path:
        """Folder of the anchor file, absolute."""
        return (self.anchors or self.var / "anchors").resolve()

    @property
    def platform_key_file(self) -> Path:
        """File of the key that signs anchors, absolute."""
        return (self.platform_key or self.var / "keys" / "platform.pem").resolve()

    @property
    def database_url(self) -> SecretStr:
        """The control database's URL."""
        if self.control_url is not None:
            return self.control_url
        return SecretStr(f"sqlite:///{(self.var / 'control.sqlite').resolve()}")

    @property
    def vault_database_url(self) -> SecretStr:
        """The URL of the database of personal data."""
        if self.vault_url is not None:
            return self.vault_url
        return SecretStr(f"sqlite:///{(self.var / 'vault.sqlite').resolve()}")

    @property
    def vault_key_file(self) -> Path:
        """File of the master key of the vault, absolute."""
        return (self.vault_key or self.var / "keys" / "vault.key").resolve()


def settings() -> Settings:
    """The settings as the environment says now, read again only when it says something else."""
    return _read(tuple(v for v in sorted(os.environ.items()) if v[0].upper().startswith(PREFIX)))


@lru_cache(maxsize=1)
def _read(_said: tuple[tuple[str, str], ...]) -> Settings:
    return Settings()


class Databases(FromEnvironment):
    """Where the databases are that sources ask; only who asks them reads it, with its passwords."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", frozen=True)

    databases: dict[str, SecretStr] = Field(
        default={},
        description="SQLAlchemy URLs of the databases that sources ask, by name: of `treasury` in "
        "REGULATORY_ASSETS_DATABASES__TREASURY.",
    )


def unknown(kinds: Iterable[type[FromEnvironment]]) -> list[str]:
    """Variables that begin like settings and are none of these kinds': a slip of the pen, by which
    a default holds that nobody meant."""
    known = {f"{PREFIX}{name}".upper() for kind in kinds for name in kind.model_fields}
    given = (name for name in os.environ if name.upper().startswith(PREFIX))
    return sorted(name for name in given if name.upper().partition("__")[0] not in known)
