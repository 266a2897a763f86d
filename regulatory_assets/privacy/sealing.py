"""Encryption: a key per person, wrapped by a master key that lies in a file of its own.

AES-256-GCM throughout. What is encrypted is bound to what it belongs to (associated data), so that
a key or a record that was moved to another customer or table does not open. Where keys and records
are kept is decided in ``vault``.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES, _NONCE_BYTES = 32, 12


class VaultError(Exception):
    """The vault cannot do what is asked; the message says why, and never what it keeps."""


@dataclass(frozen=True)
class MasterKey:
    """The key that wraps the keys of persons. It never leaves its file but into memory."""

    path: Path
    _secret: bytes = field(repr=False)

    @staticmethod
    def read(path: Path) -> MasterKey:
        """The key in a file that nobody but its owner can read. Raises VaultError."""
        try:
            if path.stat().st_mode & 0o077:
                raise VaultError(f"{path}: others can read or change this key; chmod 600 it")
            secret = bytes.fromhex(path.read_text().strip())
        except OSError as error:
            raise VaultError(
                f"{path}: the master key of the vault cannot be read ({error.strerror}); bring it "
                "back from where it is kept, or name its file in REGULATORY_ASSETS_VAULT_KEY"
            ) from None
        except ValueError:
            secret = b""
        if len(secret) != _KEY_BYTES:
            raise VaultError(f"{path}: holds no key of {2 * _KEY_BYTES} hexadecimal digits")
        return MasterKey(path, secret)

    @staticmethod
    def make(path: Path) -> MasterKey:
        """A new key in a file; the one that stands if another process was faster."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(_KEY_BYTES) + "\n")
            with suppress(FileExistsError):
                os.link(part, path)
        except OSError as error:
            raise VaultError(f"{path}: cannot be written ({error.strerror})") from None
        finally:
            part.unlink(missing_ok=True)
        return MasterKey.read(path)

    @property
    def fingerprint(self) -> str:
        """Tells this key from others, and nothing of what it is."""
        return hashlib.sha256(b"master key of the vault" + self._secret).hexdigest()

    def new_key(self, customer: str) -> tuple[PersonKey, bytes]:
        """A key for a customer, and the same wrapped."""
        key = PersonKey(customer, AESGCM.generate_key(8 * _KEY_BYTES))
        return key, self.wrap(key)

    def wrap(self, key: PersonKey) -> bytes:
        return _encrypt(self._secret, key._secret, "key", key.customer)

    def unwrap(self, customer: str, wrapped: bytes) -> PersonKey:
        """Raises VaultError where the wrapped key was changed, or this is not the master key."""
        try:
            return PersonKey(customer, _decrypt(self._secret, wrapped, "key", customer))
        except InvalidTag:
            raise VaultError(
                f"the key of {customer} was changed, or {self.path} is not the master key by which "
                "it was wrapped; bring back what belongs together from a backup"
            ) from None


@dataclass(frozen=True)
class PersonKey:
    """The key of one customer."""

    customer: str
    _secret: bytes = field(repr=False)

    def seal(self, table: str, values: Mapping[str, str]) -> bytes:
        plain = json.dumps(dict(values), sort_keys=True, ensure_ascii=False).encode()
        return _encrypt(self._secret, plain, "record", self.customer, table)

    def open(self, table: str, sealed: bytes) -> dict[str, str]:
        """Raises VaultError where the record is not one of this customer, table and key."""
        try:
            found: dict[str, str] = json.loads(
                _decrypt(self._secret, sealed, "record", self.customer, table)
            )
        except InvalidTag:
            raise VaultError(
                f"what is kept of {self.customer} in {table} does not open with their key; it was "
                "changed, or their key was made anew since"
            ) from None
        return found


def _encrypt(secret: bytes, plain: bytes, *belongs_to: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(secret).encrypt(nonce, plain, json.dumps(belongs_to).encode())


def _decrypt(secret: bytes, sealed: bytes, *belongs_to: str) -> bytes:
    nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return AESGCM(secret).decrypt(nonce, rest, json.dumps(belongs_to).encode())
    except ValueError:  # too short to be anything
        raise InvalidTag from None
