"""Seals secrets at rest (app secrets in SQL and in Redis): AES-256-GCM under a master key named by its id.

A blob reads `v1.<kid>.<nonce>.<ciphertext>`, the last two in URL-safe base64. The context (what the secret belongs to) is
authenticated with it, so that a blob copied to another row does not open. Two master keys may live while one replaces the other.
"""

import base64
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from openplatform.errors import SettingsError


class SealBroken(Exception):
    """A blob is damaged, belongs to another context, or was sealed under a key that is not here."""


class Seal:
    """Seals and opens secrets.

    keys: key id → 32 bytes; the first one seals, all of them open. Raises SettingsError for a key of another length.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys or any(len(key) != 32 for key in keys.values()):
            raise SettingsError("PAILOU_MASTER_KEYS must hold at least one key of 32 bytes")
        self._ciphers = {kid: AESGCM(key) for kid, key in keys.items()}
        self._kid = next(iter(keys))

    def seal(self, secret: str, context: str) -> str:
        """The blob of the secret; context: e.g. `app_info|<app_key>`."""
        nonce = os.urandom(12)
        sealed = self._ciphers[self._kid].encrypt(nonce, secret.encode(), _bound(context, self._kid))
        return f"v1.{self._kid}.{_to_text(nonce)}.{_to_text(sealed)}"

    def open(self, blob: str, context: str) -> str:
        """The plain secret; raises SealBroken."""
        try:
            version, kid, nonce, sealed = blob.split(".")
            cipher = self._ciphers[kid]
            if version != "v1":
                raise ValueError(version)
            return cipher.decrypt(_to_bytes(nonce), _to_bytes(sealed), _bound(context, kid)).decode()
        except (InvalidTag, ValueError, KeyError):
            raise SealBroken(f"a sealed secret of {context} cannot be opened with the given master keys") from None


def _bound(context: str, kid: str) -> bytes:
    return f"{context}|{kid}".encode()


def _to_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _to_bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
