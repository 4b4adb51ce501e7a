-- What an operator has chosen, and programs have to know. views_in: the schema in which people find the
-- views, besides weir, where they always are. A version before has made them in public: there they stay.

CREATE TABLE weir.settings (
	name  text PRIMARY KEY,
	value text NOT NULL
);

INSERT INTO weir.settings
SELECT 'views_in', CASE WHEN EXISTS (
           SELECT FROM pg_class v JOIN pg_rewrite w ON w.ev_class = v.oid
             JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                             AND d.refclassid = 'pg_class'::regclass
            WHERE v.oid = to_regclass('public.batch_jobs') AND v.relkind = 'v'
              AND d.refobjid = 'weir.jobs'::regclass)
       THEN 'public' ELSE 'weir' END;
