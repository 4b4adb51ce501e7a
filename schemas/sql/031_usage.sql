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

-- One row an answer: what each call came to, and cost. NULL: not known.
CREATE OR REPLACE VIEW public.batch_answers AS
SELECT a.job_id, a.stage::integer AS stage, a.ordinal, i.custom_id, a.ai_model,
       m.remote_id AS remote_batch_id, a.call_id, a.attempt, a.answer, a.error_class, a.error,
       CASE WHEN a.usage_known THEN a.input_tokens END AS input_tokens,
       CASE WHEN a.usage_known THEN a.output_tokens END AS output_tokens, a.cost, a.answered_at,
       CASE WHEN a.usage_known THEN a.cached_input_tokens END AS cached_input_tokens,
       CASE WHEN a.usage_known THEN a.cache_write_tokens END AS cache_write_tokens,
       CASE WHEN a.usage_known THEN a.cache_write_1h_tokens END AS cache_write_1h_tokens,
       CASE WHEN a.usage_known THEN a.reasoning_tokens END AS reasoning_tokens
  FROM weir.answers a
  JOIN weir.items i USING (job_id, stage, ordinal)
  LEFT JOIN weir.remote_batches m ON m.id = a.remote_batch;
