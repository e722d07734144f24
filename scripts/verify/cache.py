"""Verdicts and artifacts of earlier runs, addressed by everything that they depend on.

Only ``passed`` is kept: whatever failed is tried again. Every record is sealed, and every artifact is checked against
its hash, so that a truncated or altered file is as good as none.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

from scripts.report import Result
from scripts.rows import BadReport


def write_atomically(file: Path, content: bytes) -> None:
    """Replace ``file`` in one step: nobody ever reads half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".tmp-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink()
        raise


def _bytes(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


class Cache:
    """A folder of sealed verdicts."""

    def __init__(self, folder: Path, enabled: bool = True) -> None:
        self._folder = folder
        self._enabled = enabled
        self._secret = self._load_secret()

    def _load_secret(self) -> bytes:
        file = self._folder / "seal"
        try:
            if len(secret := file.read_bytes()) == 32:
                return secret
        except OSError:
            pass
        secret = secrets.token_bytes(32)
        write_atomically(file, secret)
        file.chmod(0o600)
        return secret

    def _file(self, key: str) -> Path:
        return self._folder / "verdicts" / key[:2] / f"{key}.json"

    def _seal(self, key: str, record: Any) -> str:
        return hmac.new(self._secret, key.encode() + _bytes(record), "sha256").hexdigest()

    @staticmethod
    def key(**facts: Any) -> str:
        """Address of a verdict: a hash over all that it depends on."""
        return hashlib.sha256(_bytes(facts)).hexdigest()

    def get(self, key: str) -> tuple[Result, dict[str, bytes]] | None:
        """The verdict of ``key`` and its artifacts by name, if all of it is whole."""
        if not self._enabled:
            return None
        try:
            entry = json.loads(self._file(key).read_bytes())
            record = entry["record"]
            if not hmac.compare_digest(entry["seal"], self._seal(key, record)):
                return None
            artifacts = {name: self._blob(digest).read_bytes() for name, digest in record["blobs"].items()}
            if any(hashlib.sha256(artifacts[name]).hexdigest() != digest for name, digest in record["blobs"].items()):
                return None
            return Result.from_json(record["result"]), artifacts
        except (OSError, ValueError, KeyError, TypeError, AttributeError, BadReport):
            return None

    def put(self, key: str, result: Result, artifacts: dict[str, bytes]) -> None:
        """Keep a verdict with its artifacts."""
        blobs = {name: hashlib.sha256(content).hexdigest() for name, content in artifacts.items()}
        for name, digest in blobs.items():
            write_atomically(self._blob(digest), artifacts[name])
        record = {"result": result.to_json(), "blobs": blobs}
        write_atomically(self._file(key), _bytes({"record": record, "seal": self._seal(key, record)}))

    def _blob(self, digest: str) -> Path:
        return self._folder / "artifacts" / digest
