-- Where somebody replicates all tables of the database (CREATE PUBLICATION ... FOR ALL TABLES), PostgreSQL
-- refuses to change a row of a table that says by nothing which one it was. These have no primary key.

ALTER TABLE weir.attempts REPLICA IDENTITY FULL;
ALTER TABLE weir.purged REPLICA IDENTITY FULL;
ALTER TABLE weir.ledger REPLICA IDENTITY FULL;
