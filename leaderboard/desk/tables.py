"""The tables of the desk: users, submissions, what happened to them, and the ledger."""

from enum import StrEnum

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from .ledger import START


class State(StrEnum):
    """Where a submission is on its way; the last four are ends."""

    RECEIVED = "received"
    CHECKING = "checking"
    RUNNING = "running"
    SCORED = "scored"
    REJECTED = "rejected"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


HELD = (State.CHECKING, State.RUNNING)  # by a worker, under a lease
UNFINISHED = (State.RECEIVED, *HELD)
UNCOUNTED = (State.REJECTED, State.FAILED)  # these showed no score

TABLES = MetaData()
USERS = Table(
    "users",
    TABLES,
    Column("name", String(40), primary_key=True),
    Column("token_sha256", String(64), nullable=False, unique=True),
    Column("daily", Integer, nullable=False),
)
SUBMISSIONS = Table(
    "submissions",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("user", String(40), nullable=False, index=True),
    Column("received", String(20), nullable=False),
    Column("name_key", String(80), nullable=False, index=True),
    Column("private", Boolean, nullable=False),
    Column("declaration", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("split", String(20), nullable=False),
    Column("predictions", String(64), nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("attempt", Integer, nullable=False),  # tells a worker from one that took over
    Column("losses", Integer, nullable=False),
    Column("lease_until", Float, nullable=False),
    Column("content", String(64), index=True),
    Column("sample", Text),
)
EVENTS = Table(
    "events",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("submission", String(32), nullable=False, index=True),
    Column("time", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("message", Text, nullable=False),
)
LEDGER = Table(
    "ledger",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("submission", String(32), nullable=False, index=True),
    Column("content", Text, nullable=False),
)
HEAD = Table(
    "ledger_head",
    TABLES,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("entries", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
)


def create(engine: Engine) -> None:
    """Make the tables that are not there, and the head of an empty ledger."""
    if inspect(engine).has_table(HEAD.name):
        return
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":  # else each table would be a transaction of its own
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        for table in TABLES.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))
        if connection.execute(select(HEAD)).first() is None:
            connection.execute(insert(HEAD).values(id=1, entries=0, digest=START))


def lock(connection: Connection) -> None:
    """Let one writer in at a time, from here to the end of the transaction."""
    connection.execute(update(HEAD).values(entries=HEAD.c.entries))
