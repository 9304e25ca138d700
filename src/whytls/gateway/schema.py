"""The tables of the store, version by version. A version that was released is never changed; a new one is added behind it."""

from __future__ import annotations

import sqlite3

from whytls.exceptions import InputError

# Names are compared byte by byte, as Edge does. WITHOUT ROWID: the primary key is the order in which rows are asked for.
# SQLite 3.34 is enough, which Enterprise Linux 9 has: no STRICT tables, no RETURNING, no ->>.
VERSIONS = (
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE organization (name TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE environment (
        organization TEXT NOT NULL REFERENCES organization ON DELETE CASCADE, name TEXT NOT NULL,
        PRIMARY KEY (organization, name)) WITHOUT ROWID;
    CREATE TABLE keystore (
        organization TEXT NOT NULL, environment TEXT NOT NULL, name TEXT NOT NULL, generation INTEGER NOT NULL,
        PRIMARY KEY (organization, environment, name),
        FOREIGN KEY (organization, environment) REFERENCES environment ON DELETE CASCADE) WITHOUT ROWID;
    CREATE TABLE alias (
        organization TEXT NOT NULL, environment TEXT NOT NULL, keystore TEXT NOT NULL, name TEXT NOT NULL,
        format TEXT NOT NULL, sealed_key BLOB, generation INTEGER NOT NULL,
        PRIMARY KEY (organization, environment, keystore, name),
        FOREIGN KEY (organization, environment, keystore) REFERENCES keystore ON DELETE CASCADE) WITHOUT ROWID;
    CREATE TABLE certificate (
        organization TEXT NOT NULL, environment TEXT NOT NULL, keystore TEXT NOT NULL, alias TEXT NOT NULL,
        position INTEGER NOT NULL, der BLOB NOT NULL,
        PRIMARY KEY (organization, environment, keystore, alias, position),
        FOREIGN KEY (organization, environment, keystore, alias) REFERENCES alias ON DELETE CASCADE) WITHOUT ROWID;
    CREATE TABLE resource (
        organization TEXT NOT NULL, environment TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        document TEXT NOT NULL, generation INTEGER NOT NULL,
        PRIMARY KEY (organization, environment, kind, name),
        FOREIGN KEY (organization, environment) REFERENCES environment ON DELETE CASCADE) WITHOUT ROWID;
    CREATE TABLE revision (
        organization TEXT NOT NULL REFERENCES organization ON DELETE CASCADE, proxy TEXT NOT NULL, number INTEGER NOT NULL,
        created INTEGER NOT NULL, modified INTEGER NOT NULL, generation INTEGER NOT NULL,
        PRIMARY KEY (organization, proxy, number)) WITHOUT ROWID;
    CREATE TABLE file (
        organization TEXT NOT NULL, proxy TEXT NOT NULL, number INTEGER NOT NULL, path TEXT NOT NULL, content BLOB NOT NULL,
        PRIMARY KEY (organization, proxy, number, path),
        FOREIGN KEY (organization, proxy, number) REFERENCES revision ON DELETE CASCADE);
    CREATE TABLE deployment (
        organization TEXT NOT NULL, environment TEXT NOT NULL, proxy TEXT NOT NULL, number INTEGER NOT NULL,
        base_path TEXT NOT NULL, generation INTEGER NOT NULL,
        PRIMARY KEY (organization, environment, proxy, number),
        FOREIGN KEY (organization, environment) REFERENCES environment ON DELETE CASCADE,
        FOREIGN KEY (organization, proxy, number) REFERENCES revision) WITHOUT ROWID;
    CREATE TABLE role (
        organization TEXT NOT NULL REFERENCES organization ON DELETE CASCADE, name TEXT NOT NULL,
        PRIMARY KEY (organization, name)) WITHOUT ROWID;
    CREATE TABLE member (
        organization TEXT NOT NULL, role TEXT NOT NULL, email TEXT NOT NULL, PRIMARY KEY (organization, role, email),
        FOREIGN KEY (organization, role) REFERENCES role ON DELETE CASCADE) WITHOUT ROWID;
    CREATE TABLE permission (
        organization TEXT NOT NULL, role TEXT NOT NULL, path TEXT NOT NULL, permissions TEXT NOT NULL, PRIMARY KEY (organization, role, path),
        FOREIGN KEY (organization, role) REFERENCES role ON DELETE CASCADE) WITHOUT ROWID;
    """,
)


def bring_up_to_date(connection: sqlite3.Connection, file: str) -> None:
    """Makes the tables, or adds what newer versions have; each version in one transaction.

    Raises:
        InputError: a newer whytls made the store.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > len(VERSIONS):
        raise InputError(f"made by a newer whytls (its schema is version {found}; {len(VERSIONS)} is known here)", file=file, hint="upgrade whytls")
    for number, script in enumerate(VERSIONS[found:], found + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")
