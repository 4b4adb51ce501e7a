-- Language models: what was asked of them, what they answered, and what it cost.
--
-- An answer is a row before anything is done with it, so that nothing that happens later can make
-- it be paid for again. An item whose model works in remote batches leaves a request behind and is
-- acknowledged; whoever has the lease of a remote batch writes its answers as the same rows, and the
-- item becomes due: the relay publishes it, and it finds its answer.

ALTER TABLE weir.jobs ADD COLUMN pause_reason text; -- NULL: an operator's, who knows

-- One row a call that was answered, or that a remote batch has ended.
CREATE TABLE weir.answers (
	job_id        text COLLATE "C" NOT NULL,
	stage         smallint NOT NULL,
	ordinal       integer NOT NULL,
	call_id       text COLLATE "C" NOT NULL, -- the provider's own: the same answer is one row
	attempt       integer NOT NULL,          -- of the item, when it was asked
	ai_model      text NOT NULL,
	remote_batch  bigint,                    -- NULL: a direct call
	answer        text,                      -- as it came; NULL: there was none
	error_class   text,                      -- NULL: it is what the template wants
	error         text,
	again         boolean NOT NULL DEFAULT false, -- not good, but asking again may help
	spent         boolean NOT NULL DEFAULT false, -- not good, and of a round of attempts before
	input_tokens  bigint NOT NULL DEFAULT 0,
	output_tokens bigint NOT NULL DEFAULT 0,
	cost          numeric(24, 12) NOT NULL DEFAULT 0, -- in the currency of the models file
	answered_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (job_id, stage, ordinal, call_id)
);

-- Who is just calling a model for which item, so that two copies of a message do not pay for the same
-- answer twice. Renewed while the call lasts; a holder that is gone is outlived by it for seconds. A
-- crash of the server empties it, and then the calls are over as well.
CREATE UNLOGGED TABLE weir.calls (
	job_id     text COLLATE "C" NOT NULL,
	stage      smallint NOT NULL,
	ordinal    integer NOT NULL,
	holder     text NOT NULL,
	held_until timestamptz NOT NULL,
	PRIMARY KEY (job_id, stage, ordinal)
) WITH (fillfactor = 70);

-- What a provider works on for hours. Of one job, stage, model and template.
CREATE TABLE weir.remote_batches (
	id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	intent      uuid NOT NULL DEFAULT gen_random_uuid(), -- what an orphan is known by
	job_id      text COLLATE "C" NOT NULL REFERENCES weir.jobs ON DELETE CASCADE,
	stage       smallint NOT NULL,
	ai_model    text NOT NULL,
	model_key   text NOT NULL,
	size        integer NOT NULL,      -- requests that were put into it
	-- intent:  its requests are chosen; sent_at tells whether the provider may know of it
	-- running: the provider has it, under remote_id
	-- ended:   the provider is done with it, and its results are being read
	-- done:    all of its requests are answered, or open again
	state       text NOT NULL DEFAULT 'intent' CHECK (state IN ('intent', 'running', 'ended', 'done')),
	file_id     text,                  -- of its requests, where they are a file of their own
	remote_id   text,
	sent_at     timestamptz,           -- when its creation was tried last; NULL: nothing was sent
	ended_at    timestamptz,
	absent_at   timestamptz,           -- since when it, or what came of it, cannot be found there
	done_at     timestamptz,
	cancel_at   timestamptz,           -- when the provider was asked to cancel it
	created_at  timestamptz NOT NULL DEFAULT now(),
	next_at     timestamptz NOT NULL DEFAULT now(), -- when to look at it
	polls       integer NOT NULL DEFAULT 0,
	holder      text,                  -- whose turn it is, until
	held_until  timestamptz,
	succeeded   integer NOT NULL DEFAULT 0,
	errored     integer NOT NULL DEFAULT 0,
	canceled    integer NOT NULL DEFAULT 0,
	expired     integer NOT NULL DEFAULT 0,
	missing     integer NOT NULL DEFAULT 0,
	error       text
);

CREATE INDEX remote_batches_open ON weir.remote_batches (next_at) WHERE state <> 'done';
CREATE INDEX remote_batches_of_job ON weir.remote_batches (job_id);

-- Items that wait for a remote batch, or in one. The row ends with the answer, or with the item.
CREATE TABLE weir.requests (
	job_id       text COLLATE "C" NOT NULL,
	stage        smallint NOT NULL,
	ordinal      integer NOT NULL,
	custom_id    text COLLATE "C" NOT NULL,
	attempt      integer NOT NULL,
	ai_model     text NOT NULL,
	model_key    text NOT NULL,        -- the template's name
	body         text NOT NULL,        -- as the provider wants a single call
	tokens       integer NOT NULL,     -- of the input, estimated
	tries        integer NOT NULL DEFAULT 0, -- remote batches that came back without it
	remote_batch bigint REFERENCES weir.remote_batches ON DELETE SET NULL,
	asked_at     timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (job_id, stage, ordinal)
);

CREATE INDEX requests_open ON weir.requests (ai_model, job_id, stage, model_key, ordinal)
	WHERE remote_batch IS NULL;
CREATE INDEX requests_of_batch ON weir.requests (remote_batch, ordinal) WHERE remote_batch IS NOT NULL;
