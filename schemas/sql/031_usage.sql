-- Usage: of which kinds the tokens of an answer were, and whether what it cost is known.
--
-- input_tokens and output_tokens stay all of them, so that sums stay as they were. A consumer of the
-- version before writes rows without the new columns; its costs are those of two prices.

ALTER TABLE weir.answers
	ADD COLUMN cached_input_tokens   bigint NOT NULL DEFAULT 0, -- of input_tokens: read from the
	ADD COLUMN cache_write_tokens    bigint NOT NULL DEFAULT 0, -- provider's cache; written to it,
	ADD COLUMN cache_write_1h_tokens bigint NOT NULL DEFAULT 0, -- for 5 minutes, or for an hour
	ADD COLUMN reasoning_tokens      bigint NOT NULL DEFAULT 0, -- of output_tokens
	ADD COLUMN usage_known           boolean NOT NULL DEFAULT true, -- the provider told these counts
	ALTER COLUMN cost DROP NOT NULL; -- NULL: the counts, or a price for them, are not known
