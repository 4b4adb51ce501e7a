-- What invoices say of their lines besides quantity and price: line totals, weights, units of measure.
--
-- A line is booked by what its price is of (consumers/invoice/settle.h): quantity, unit_price and
-- pack_units are of that; `ordered`, `weight` and `uom` are what is written. total_cost is the money
-- billed: the line's extended_price where it has one, else quantity x unit_price, exactly.

ALTER TABLE weir.inventory_transactions
	ADD COLUMN ordered numeric, -- the quantity as it is written; these three NULL: not known
	ADD COLUMN weight  numeric, -- in the unit that it is written in
	ADD COLUMN uom     text;

-- Of old callers all of these are NULL.
ALTER TYPE weir.invoice_line ADD ATTRIBUTE total numeric;
ALTER TYPE weir.invoice_line ADD ATTRIBUTE ordered numeric;
ALTER TYPE weir.invoice_line ADD ATTRIBUTE weight numeric;
ALTER TYPE weir.invoice_line ADD ATTRIBUTE uom text;

-- In one order for everybody: two flushes never wait for each other.
CREATE OR REPLACE FUNCTION weir.read_invoices(pos integer[], user_id text[], invoice_id text[], invoice text[])
RETURNS weir.invoice_line[] LANGUAGE sql AS $$
SELECT coalesce(array_agg(ROW(h.pos, h.user_id, h.invoice_id, h.vendor_name, h.vendor_key, h.invoice_number,
                     h.invoice_date, h.currency, h.fuzzy_auto, h.fuzzy_review, l.line,
                     coalesce(l.item_number, ''), l.description, l.category, l.quantity,
                     l.unit_price, l.credit, l.pack_size,
                     l.pack_count * l.pack_each * l.unit_factor, l.base_unit, l.total,
                     coalesce(l.ordered, l.quantity), l.weight, l.uom)::weir.invoice_line
                 ORDER BY h.user_id COLLATE "C", h.invoice_id COLLATE "C", h.pos, l.line), '{}')
  FROM (SELECT u.pos, u.user_id, u.invoice_id, i.*, weir.text_key(i.vendor_name) AS vendor_key
          FROM unnest(pos, user_id, invoice_id, invoice) AS u(pos, user_id, invoice_id, invoice)
         CROSS JOIN LATERAL json_to_record(u.invoice::json) AS i(vendor_name text,
               invoice_number text, invoice_date date, currency text, fuzzy_auto real,
               fuzzy_review real, lines json)
        OFFSET 0) AS h
 CROSS JOIN LATERAL json_to_recordset(h.lines) AS l(line integer, item_number text,
       description text, category text, quantity numeric, unit_price numeric, credit boolean,
       pack_size text, pack_count numeric, pack_each numeric, unit_factor numeric, base_unit text,
       total numeric, ordered numeric, weight numeric, uom text)
$$;

-- ---- writing ----

-- Writes lines whose items are known and held. Those that stand there already are left as they are.
CREATE OR REPLACE FUNCTION weir.write_lines(lines weir.invoice_line[], matches weir.line_match[])
RETURNS weir.booked_line[] LANGUAGE plpgsql AS $$
DECLARE
	booked weir.booked_line[];
BEGIN
	WITH t AS (
		INSERT INTO weir.inventory_transactions (user_id, invoice_id, line, kind, vendor_id,
		       item_id, mapping_id, match, invoice_number, invoice_date, currency, description,
		       quantity, unit_price, total_cost, pack_size, pack_units, quantity_change,
		       unit_cost,
		       ordered, weight, uom)
		SELECT l.user_id, l.invoice_id, l.line, CASE WHEN l.credit THEN 'credit' ELSE 'purchase' END,
		       l.vendor_id, l.item_id, l.mapping_id, l.match, l.invoice_number, l.invoice_date,
		       l.currency, l.description, l.quantity, l.unit_price, coalesce(l.total, l.quantity * l.unit_price),
		       l.pack_size, l.pack_units, l.quantity * l.pack_units,
		       round(l.unit_price / l.pack_units, 10), l.ordered, l.weight, l.uom
		  FROM unnest(lines, matches) AS l WHERE l.item_id IS NOT NULL
		ON CONFLICT DO NOTHING
		RETURNING user_id, item_id, vendor_id, currency, invoice_date, invoice_id, line,
		          unit_price, pack_units, quantity_change,
		          kind = 'purchase' AND quantity <> 0 AS is_purchase),
	p AS (
		INSERT INTO weir.price_history (user_id, invoice_id, line, item_id, vendor_id, currency,
		       invoice_date, price, pack_units, previous_price, previous_pack_units,
		       price_change_percent, is_price_increase)
		SELECT t.user_id, t.invoice_id, t.line, t.item_id, t.vendor_id, t.currency,
		       t.invoice_date, t.unit_price, t.pack_units, b.price, b.pack_units,
		       weir.price_change(t.unit_price, t.pack_units, b.price, b.pack_units),
		       t.unit_price * b.pack_units > b.price * t.pack_units
		  FROM t LEFT JOIN LATERAL weir.price_before(t.item_id, t.vendor_id,
		       t.currency, t.invoice_date) b ON true
		 WHERE t.is_purchase)
	SELECT array_agg(ROW(t.*)::weir.booked_line) INTO booked FROM t;
	PERFORM weir.derive_around(booked);
	RETURN booked;
END $$;

-- ---- results ----

-- What each invoice came to, from what stands in the tables now. It is refused when no line stands
-- there.
CREATE OR REPLACE FUNCTION weir.invoice_results(positions integer[], invoices text[],
                                     lines weir.invoice_line[], matches weir.line_match[])
RETURNS TABLE (pos integer, result json, refused boolean)
LANGUAGE sql SET enable_hashjoin = on SET enable_sort = on AS $$
WITH l AS (
	SELECT l.pos, l.user_id, l.invoice_id, l.line, l.description, l.error, t.vendor_id, t.item_id,
	       t.mapping_id, t.match, t.total_cost, p.is_price_increase, p.price_change_percent,
	       t.line IS NOT NULL AS booked, t.line IS NOT NULL AND l.doubtful AS doubtful
	  FROM unnest(lines, matches) AS l
	  LEFT JOIN LATERAL (SELECT t.* FROM weir.inventory_transactions t
	         WHERE t.user_id = l.user_id AND t.invoice_id = l.invoice_id AND t.line = l.line
	           AND t.vendor_id = l.vendor_id AND t.invoice_number = l.invoice_number
	           AND t.invoice_date = l.invoice_date AND t.currency = l.currency
	           AND t.description = l.description AND t.quantity = l.quantity
	           AND t.unit_price = l.unit_price AND t.pack_units = l.pack_units
	           AND t.total_cost = coalesce(l.total, l.quantity * l.unit_price)
	         LIMIT 1) t ON true
	  LEFT JOIN LATERAL (SELECT p.is_price_increase, p.price_change_percent
	          FROM weir.price_history p WHERE p.user_id = t.user_id
	           AND p.invoice_id = t.invoice_id AND p.line = t.line LIMIT 1) p ON true),
s AS (
	SELECT l.pos, count(*) FILTER (WHERE l.booked) AS booked,
	       count(*) FILTER (WHERE NOT l.booked) AS refused,
	       count(*) FILTER (WHERE l.match = 'new') AS created,
	       count(DISTINCT l.item_id) AS items,
	       count(*) FILTER (WHERE l.match = 'exact') AS exact,
	       count(*) FILTER (WHERE l.match LIKE 'fuzzy%') AS fuzzy,
	       min(l.vendor_id) AS vendor_id, sum(l.total_cost) AS cost,
	       count(*) FILTER (WHERE l.is_price_increase) AS increases,
	       count(*) FILTER (WHERE l.price_change_percent < 0) AS decreases,
	       min(l.user_id) AS user_id, min(l.invoice_id) AS invoice_id,
	       array_agg(l.line ORDER BY l.line) FILTER (WHERE NOT l.booked) AS bad_lines,
	       array_agg(l.description ORDER BY l.line) FILTER (WHERE NOT l.booked) AS bad_texts,
	       array_agg(l.error ORDER BY l.line) FILTER (WHERE NOT l.booked) AS errors,
	       array_agg(l.line ORDER BY l.line) FILTER (WHERE l.doubtful) AS lines,
	       array_agg(l.description ORDER BY l.line) FILTER (WHERE l.doubtful) AS texts,
	       array_agg(l.mapping_id ORDER BY l.line) FILTER (WHERE l.doubtful) AS mappings
	  FROM l GROUP BY l.pos)
SELECT s.pos, json_build_object(
	'status', CASE WHEN s.booked = 0 THEN 'failed' WHEN s.refused + h.failed = 0 THEN 'success'
	          ELSE 'partial_success' END,
	'vendor_id', s.vendor_id, 'invoice_number', h.invoice_number,
	'items_processed', s.booked, 'items_failed', s.refused + h.failed,
	'inventory_items_created', s.created, 'inventory_items_updated', s.items - s.created,
	'exact_matches', s.exact, 'fuzzy_matches', s.fuzzy,
	'total_cost', coalesce(s.cost, 0)::text, 'currency', h.currency,
	'price_increases', s.increases, 'price_decreases', s.decreases,
	'review', coalesce(weir.list_reviews(s.lines, s.texts, s.mappings), '[]'),
	'review_omitted', greatest(coalesce(cardinality(s.lines), 0) - 100, 0),
	'failed_items', CASE WHEN s.refused = 0 THEN h.failed_items ELSE (
	        SELECT json_agg(f ORDER BY (f->>'line')::integer)
	          FROM (SELECT json_array_elements(h.failed_items)
	                UNION ALL SELECT json_array_elements(weir.list_faults(
	                        s.user_id, s.invoice_id, s.bad_lines, s.bad_texts, s.errors))) AS x(f)) END,
	'failed_items_omitted', h.failed_omitted + greatest(s.refused - 1000, 0),
	'warnings', h.warnings, 'warnings_omitted', h.warnings_omitted,
	'processing_time', round(extract(epoch FROM clock_timestamp() - now()), 6)), s.booked = 0
  FROM s
  JOIN (SELECT u.pos, i.invoice_number, i.currency, i.failed_items, i.warnings,
               coalesce(i.failed_items_omitted, 0) AS failed_omitted,
               coalesce(i.warnings_omitted, 0) AS warnings_omitted,
               json_array_length(i.failed_items) + coalesce(i.failed_items_omitted, 0) AS failed
          FROM unnest(positions, invoices) AS u(pos, invoice)
         CROSS JOIN LATERAL json_to_record(u.invoice::json) AS i(invoice_number text,
               currency text, failed_items json, failed_items_omitted integer, warnings json,
               warnings_omitted integer)
       ) h ON h.pos = s.pos
$$;
