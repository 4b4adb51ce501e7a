-- Who is at work here: each relay and each consumer says so every few seconds, in a row of its own.
-- What nobody has said for some minutes is deleted by those who still do. Unlogged, since all of it
-- is said again soon, and with room on its pages, so that no index is touched.

CREATE UNLOGGED TABLE weir.processes (
	id         text COLLATE "C" PRIMARY KEY, -- another one for each start
	role       text NOT NULL,                -- relay, consumer
	host       text NOT NULL,
	pid        integer NOT NULL,
	version    text NOT NULL,
	kinds      text[] NOT NULL,              -- that a consumer works on
	job_id     text COLLATE "C",             -- the only one that a relay looks after; NULL: all
	waits_for  text,                         -- what keeps it from its work, in words
	started_at timestamptz NOT NULL DEFAULT now(),
	seen_at    timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
