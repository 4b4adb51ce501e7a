-- Items on trial: worked on alone, since they may end the process. What a message that came back says
-- is nothing; `starts` was that, and is left to consumers of before.
ALTER TABLE weir.trials
	ALTER COLUMN starts SET DEFAULT 0,
	ADD COLUMN crashes integer NOT NULL DEFAULT 0,   -- workers that ended in its plugin's code
	ADD COLUMN begun   integer NOT NULL DEFAULT 0,   -- trials of it that have come to no end
	ADD COLUMN alone   boolean NOT NULL DEFAULT false,
	ADD COLUMN reason  text;                         -- how the last worker ended: signal, plugin, time
