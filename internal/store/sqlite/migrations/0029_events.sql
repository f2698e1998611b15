-- What others are still to be told of, one row for each way of telling it (the outbox).
-- message is the same for all ways: receivers know doubles by it. What is of one subject is
-- told in the order of the numbers; due is when the next try is. dead is 1 for what is not
-- tried any more, since ended. body and secret are sealed; secret goes away when it was told,
-- or its time is over.
CREATE TABLE event (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  message TEXT NOT NULL,
  way     TEXT NOT NULL,
  subject TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  due     INTEGER NOT NULL,
  tries   INTEGER NOT NULL DEFAULT 0,
  dead    INTEGER NOT NULL DEFAULT 0,
  ended   INTEGER NOT NULL DEFAULT 0,
  problem TEXT NOT NULL DEFAULT '',
  body    BLOB NOT NULL,
  secret  BLOB
) STRICT;
CREATE INDEX event_message ON event (message);
CREATE INDEX event_due ON event (way, dead, due, id);
CREATE INDEX event_order ON event (way, subject, id);
CREATE INDEX event_dead ON event (dead, id);
CREATE INDEX event_expires ON event (dead, expires);
CREATE INDEX event_ended ON event (dead, ended);
