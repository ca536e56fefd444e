"""
The peer: a Celery + Redis sender as many projects have one. It runs in an environment of its own.

A task a message: read its row, look for an opt-out, post to the provider, write what came of
it. Where a choice costs CPU, the cheaper one was taken (no result backend, a plain HTTP
session instead of the provider's library, str.format instead of templates, SQLite in WAL
mode instead of an ORM over a server, one write a message), so that the comparison
flatters it.

What it does not guarantee, and we do: a worker killed between the post and the write sends
twice when the task is delivered again (``acks_late``) or loses the message (the default, as
here); an opt-out between the look and the post is not seen; no rate holds over several
workers; a pause or an edit does not reach what is queued; nothing reconciles.

    python -m celery -A celery_sender worker
    python -c 'import celery_sender; celery_sender.enqueue()'
"""

import os
import sqlite3
from functools import cache
from typing import Any

import requests
from celery import Celery

app = Celery("celery_sender", broker=os.environ["BROKER_URL"])
app.conf.task_ignore_result = True
app.conf.broker_connection_retry_on_startup = True

_TRY_LATER = (429, 503)


@cache
def _database() -> sqlite3.Connection:
    connection = sqlite3.connect(os.environ["DATABASE"], timeout=30, isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


@cache
def _session() -> requests.Session:
    session = requests.Session()
    session.auth = (os.environ["ACCOUNT_SID"], os.environ["AUTH_TOKEN"])
    return session


@app.task(bind=True, max_retries=3)  # type: ignore[untyped-decorator]
def send_message(self: Any, message_id: int) -> None:
    """Send one message, unless it has left the queue or its recipient has opted out."""
    database = _database()
    row = database.execute(
        "SELECT phone, first_name, city FROM messages WHERE id = ? AND status = 'queued'",
        (message_id,),
    ).fetchone()
    if row is None:
        return
    phone, first_name, city = row
    if database.execute("SELECT 1 FROM opt_outs WHERE phone = ?", (phone,)).fetchone():
        database.execute("UPDATE messages SET status = 'suppressed' WHERE id = ?", (message_id,))
        return
    answer = _session().post(
        os.environ["MESSAGES_URL"],
        data={
            "To": phone,
            "From": os.environ["FROM_NUMBER"],
            "Body": os.environ["BODY"].format(first_name=first_name, city=city),
            "StatusCallback": f"{os.environ['CALLBACK_URL']}/{message_id}",
        },
        timeout=(3, 10),
    )
    if answer.status_code in _TRY_LATER:
        raise self.retry(countdown=2**self.request.retries)
    answer.raise_for_status()
    database.execute(
        "UPDATE messages SET status = 'sent', provider_id = ?, sent_at = datetime('now')"
        " WHERE id = ?",
        (answer.json()["sid"], message_id),
    )


def enqueue() -> None:
    """Put a task for every queued row into Redis."""
    rows = _database().execute("SELECT id FROM messages WHERE status = 'queued'").fetchall()
    for (message_id,) in rows:
        send_message.delay(message_id)
