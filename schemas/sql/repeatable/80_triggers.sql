-- Each is in one of the functions' files. Here by table, in the order of the locks (20_control.sql):
-- replacing one waits for those who write to its table.

CREATE OR REPLACE TRIGGER tell_item AFTER INSERT ON weir.results
	FOR EACH ROW WHEN (NEW.status = 2) EXECUTE FUNCTION weir.tell_item();

CREATE OR REPLACE TRIGGER spend_answers AFTER DELETE ON weir.results
	REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION weir.spend_answers();

CREATE OR REPLACE TRIGGER tell_batch AFTER UPDATE OF success, failed, cancelled ON weir.job_batches
	FOR EACH ROW WHEN (NEW.success + NEW.failed + NEW.cancelled = NEW.size
	               AND OLD.success + OLD.failed + OLD.cancelled < OLD.size)
	EXECUTE FUNCTION weir.tell_batch();

CREATE OR REPLACE TRIGGER first_stage AFTER INSERT OR UPDATE OF kind, context ON weir.jobs
	FOR EACH ROW EXECUTE FUNCTION weir.add_first_stage();

CREATE OR REPLACE TRIGGER tell_job AFTER UPDATE OF completed_at ON weir.jobs
	FOR EACH ROW WHEN (NEW.completed_at IS NOT NULL AND OLD.completed_at IS NULL)
	EXECUTE FUNCTION weir.tell_job();

CREATE OR REPLACE TRIGGER end_older AFTER UPDATE OF completed_at ON weir.jobs
	FOR EACH ROW WHEN (NEW.completed_at IS NOT NULL AND OLD.completed_at IS NULL)
	EXECUTE FUNCTION weir.end_older();

CREATE OR REPLACE TRIGGER forget_reason BEFORE UPDATE OF status ON weir.jobs
	FOR EACH ROW WHEN (OLD.status = 'paused' AND NEW.status <> 'paused')
	EXECUTE FUNCTION weir.forget_reason();

CREATE OR REPLACE TRIGGER note_purged BEFORE DELETE ON weir.jobs
	FOR EACH ROW EXECUTE FUNCTION weir.note_purged();

CREATE OR REPLACE TRIGGER begin_epochs BEFORE INSERT ON weir.jobs
	FOR EACH ROW EXECUTE FUNCTION weir.begin_epochs();

CREATE OR REPLACE TRIGGER name_job BEFORE INSERT ON weir.jobs
	FOR EACH ROW EXECUTE FUNCTION weir.name_job();
