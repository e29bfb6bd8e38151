"""The Registry's part that knows who may come in, and who did what."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from azuraforge.actors.recording.catalogue import checked
from azuraforge.actors.recording.transactions import Transactions
from azuraforge.errors import ConfigError, NotFoundError, RefusedError
from azuraforge.schema.catalogue import AuditEntry, Key, NewKey, Scope, User
from azuraforge.store import audit, users

PREFIX = "azf"  # of secrets, so that a scanner of repositories can tell one


class Access(Transactions):
    """Users, their keys, and the audit trail."""

    def add_user(self, name: str, *, by: str = "") -> User:
        """Write down a new user. Raises: ConfigError; RefusedError if the name is taken."""
        checked(User(name=name))
        with self._writing() as writing:
            if users.exists(writing.db, name):
                raise RefusedError(f"user {name!r} is there already")
            user = User(name=name, created_at=writing.at)
            users.add(writing.db, user)
            writing.note(by, "add-user", name)
            return user

    def users(self) -> list[User]:
        """All users by name."""
        with self._reading() as db:
            return users.every(db)

    def create_key(
        self, user: str, scopes: Sequence[Scope], label: str = "", *, by: str = ""
    ) -> NewKey:
        """A new key for a user; its secret is told here and never again.

        Raises: NotFoundError for the user; ConfigError for scopes that are none.
        """
        if not scopes:
            raise ConfigError("key: got no scopes; allowed: read, write, admin")
        id, word = secrets.token_hex(6), secrets.token_urlsafe(32)  # 256 bits: no salt is needed
        checked(Key(id=id, user=user, scopes=list(scopes), label=label))
        with self._writing() as writing:
            if not users.exists(writing.db, user):
                raise NotFoundError(f"no user {user!r}")
            key = Key(id=id, user=user, scopes=list(scopes), label=label, created_at=writing.at)
            users.add_key(writing.db, key, _digest(word))
            writing.note(by, "create-key", f"{user}:{id}", ", ".join(scopes))
            return NewKey(key=key, secret=f"{PREFIX}_{id}_{word}")

    def authenticate(self, secret: str) -> Key:
        """The key whose secret this is. Raises: RefusedError, the same for every reason."""
        _, _, rest = secret.partition("_")
        id, _, word = rest.partition("_")
        with self._reading() as db:
            found = users.key(db, id)
        key, digest = found if found is not None else (None, _digest(""))
        is_right = hmac.compare_digest(digest, _digest(word))
        if key is None or not is_right or key.revoked_at is not None:
            raise RefusedError("the key is unknown or revoked; create_key gives a new one")
        return key

    def keys(self, user: str | None = None) -> list[Key]:
        """The keys of a user, or of all, oldest first, revoked ones too."""
        with self._reading() as db:
            return users.keys_of(db, user)

    def revoke_key(self, id: str, *, by: str = "") -> Key:
        """Let nobody in with this key from now on. Raises: NotFoundError."""
        with self._writing() as writing:
            if (found := users.key(writing.db, id)) is None:
                raise NotFoundError(f"no key {id!r}")
            if found[0].revoked_at is None:
                users.revoke(writing.db, id, writing.at)
                writing.note(by, "revoke-key", f"{found[0].user}:{id}")
            revoked = users.key(writing.db, id)
            assert revoked is not None
            return revoked[0]

    def audit(self, limit: int = 100, before: int | None = None) -> list[AuditEntry]:
        """Who did what to what, the newest first; `before` (a number) continues a list."""
        with self._reading() as db:
            return audit.newest(db, limit, before)

    def note(self, who: str, what: str, subject: str, details: str = "") -> None:
        """Write down that somebody did something that the Registry does not see."""
        with self._writing() as writing:
            writing.note(who, what, subject, details)


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()
