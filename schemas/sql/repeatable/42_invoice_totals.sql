-- What invoices say besides quantity and price of goods: charges, totals, and whether an invoice is there
-- already; and the booking of a flush.

-- What numbers of one invoice have in common, however they are typed: INV-0042, "Invoice no. 42", #42 and
-- "42 (copy)". Words before and behind that only say that it is a number, or another print, do not count;
-- any other word does: VF-42 is not 42. Letters and digits are words of their own, without zeros in front.
CREATE OR REPLACE FUNCTION weir.number_key(number text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
WITH k AS (
	SELECT string_agg(coalesce(nullif(ltrim(w[1], '0'), ''), '0'), ' ' ORDER BY n) AS key
	  FROM regexp_matches(weir.text_key(number), '[0-9]+|[^0-9 ]+', 'g') WITH ORDINALITY AS m(w, n))
SELECT regexp_replace(regexp_replace(key,
       '^((inv|invoices?|invno|invoiceno|invnum|no|nr|num|number|nbr|numero|nummer|n|bill|billno|doc|docno|'
       'document|ref|reference|rechnung|rechnungsnummer|rechnungsnr|rechnungs|rg|rgnr|facture|fact|fac|'
       'factura|fattura|faktura|fra|nota) )+(?=.*[0-9])', ''),
       '^(.*[0-9].*?)( (copy|copies|duplicate|dup|reprint|reprinted|reissued?|kopie|duplikat|copia|copie|'
       'duplicata|duplicado))+$', '\1') FROM k
$$;

-- What the names of one company have in common: not letter case, punctuation, blanks, accents, "and",
-- an article in front, or its legal form, in whatever country, abbreviated or not.
CREATE OR REPLACE FUNCTION weir.company_key(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
WITH k AS (
	SELECT regexp_replace(regexp_replace(weir.text_key(regexp_replace(normalize(name, NFKD),
	               '[\u0300-\u036F''\u2019]', '', 'g')), '\m(.) (?=.\M)', '\1', 'g'),
	       '(?<=.) (and|und|et|och|og) (?=.)', ' ', 'g') AS key)
SELECT replace(coalesce(nullif(regexp_replace(regexp_replace(key, '^(the|pt|ooo|oao|zao) ', ''),
       '( (inc|incorporated|incorporation|corp|corporation|co|company|companies|cos|llc|lc|ltd|limited|llp|'
       'lp|lllp|pllc|pc|plc|gmbh|mbh|ggmbh|ag|kg|kgaa|ohg|ug|gbr|ek|ev|eg|se|haftungsbeschrankt|sa|sas|sasu|'
       'sarl|eurl|sci|snc|scs|srl|srls|spa|sapa|sl|slu|sau|cv|decv|sadecv|ltda|eireli|lda|bv|nv|bvba|vof|'
       'de cv|de rl|cvba|ab|hb|kb|as|asa|ans|aps|oy|oyj|ky|hf|ehf|pty|proprietary|pte|pvt|private|bhd|sdn|'
       'berhad|tbk|kk|doo|ood|eood|sro|zoo|spzoo|kft|zrt|nyrt|ou|sia|uab|jsc|pjsc|cjsc|fze|fzco|wll))+$', ''),
       ''),
       key), ' ', '') FROM k
$$;

-- In one order for everybody: two flushes never wait for each other.
CREATE OR REPLACE FUNCTION weir.read_invoices(pos integer[], user_id text[], invoice_id text[],
                                              invoice text[])
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

-- Most invoices have none, and are not parsed for them.
CREATE OR REPLACE FUNCTION weir.read_charges(pos integer[], user_id text[], invoice_id text[], invoice text[])
RETURNS weir.invoice_charge[] LANGUAGE sql AS $$
SELECT coalesce(array_agg(ROW(u.pos, u.user_id, u.invoice_id, c.line, c.kind, c.told_by, c.item_number,
                     c.description, c.quantity, c.unit_price,
                     coalesce(c.total, c.quantity * c.unit_price), c.credit)::weir.invoice_charge
                 ORDER BY u.user_id COLLATE "C", u.invoice_id COLLATE "C", u.pos, c.line), '{}')
  FROM (SELECT * FROM unnest(pos, user_id, invoice_id, invoice) AS u(pos, user_id, invoice_id, invoice)
         WHERE strpos(u.invoice, '"charges"') > 0 OFFSET 0) u
 CROSS JOIN LATERAL json_to_record(u.invoice::json) AS i(charges json)
 CROSS JOIN LATERAL json_to_recordset(i.charges) AS c(line integer, kind text, told_by text,
       item_number text, description text, quantity numeric, unit_price numeric, total numeric,
       credit boolean)
$$;

CREATE OR REPLACE FUNCTION weir.read_heads(pos integer[], user_id text[], invoice_id text[], invoice text[],
                                lines weir.invoice_line[], charges weir.invoice_charge[])
RETURNS weir.invoice_head[] LANGUAGE sql SET enable_hashjoin = on AS $$
SELECT array_agg(ROW(u.pos, u.user_id, u.invoice_id, i.vendor_name, weir.text_key(i.vendor_name), NULL,
                     i.invoice_number, i.invoice_date, i.currency, i.places, i.invoice_total,
                     coalesce(c.credit, false), coalesce(i.refuse_duplicates, false), NULL,
                     NULL)::weir.invoice_head
                 ORDER BY u.user_id COLLATE "C", u.invoice_id COLLATE "C", u.pos)
  FROM unnest(pos, user_id, invoice_id, invoice) AS u(pos, user_id, invoice_id, invoice)
 CROSS JOIN LATERAL json_to_record(u.invoice::json) AS i(vendor_name text, invoice_number text,
       invoice_date date, currency text, places integer, invoice_total numeric,
       refuse_duplicates boolean)
  LEFT JOIN (SELECT l.pos, bool_and(l.credit) AS credit
               FROM (SELECT x.pos, x.credit FROM unnest(lines) x
                     UNION ALL SELECT y.pos, y.credit FROM unnest(charges) y) l
              GROUP BY l.pos) c ON c.pos = u.pos
$$;

-- ---- the invoices themselves ----

-- The vendors that the heads name, as far as they are there.
CREATE OR REPLACE FUNCTION weir.find_vendors(heads weir.invoice_head[]) RETURNS weir.invoice_head[]
LANGUAGE sql STABLE AS $$
SELECT array_agg(ROW(h.pos, h.user_id, h.invoice_id, h.vendor_name, h.vendor_key, v.vendor_id,
                     h.invoice_number, h.invoice_date, h.currency, h.places, h.total, h.credit,
                     h.refuse, h.duplicate_of, h.other)::weir.invoice_head ORDER BY h.n)
  FROM unnest(heads) WITH ORDINALITY AS h(pos, user_id, invoice_id, vendor_name, vendor_key, vendor_id,
       invoice_number, invoice_date, currency, places, total, credit, refuse, duplicate_of, other, n)
  LEFT JOIN LATERAL (SELECT w.vendor_id FROM weir.vendors w
        WHERE w.user_id = h.user_id AND w.vendor_key = h.vendor_key LIMIT 1) v ON true
$$;

-- What is known of lines.
CREATE OR REPLACE FUNCTION weir.find_all(lines weir.invoice_line[]) RETURNS weir.line_match[]
LANGUAGE plpgsql AS $$
DECLARE
	matches weir.line_match[] := '{}';
BEGIN
	FOR n IN 1 .. cardinality(lines) BY 500 LOOP
		matches := matches || weir.find_items(lines[n:n + 499]);
	END LOOP;
	RETURN matches;
END $$;

-- Takes the users' inventories, alone where a vendor or a line is new, before anything else is waited for;
-- and finds what is known of the lines.
CREATE OR REPLACE FUNCTION weir.take_inventories(heads weir.invoice_head[], lines weir.invoice_line[])
RETURNS weir.line_match[] LANGUAGE plpgsql AS $$
DECLARE
	users text[] := ARRAY(SELECT h.user_id FROM unnest(heads) h
	                      UNION SELECT l.user_id FROM unnest(lines) l);
	alone text[];
	matches weir.line_match[];
BEGIN
	BEGIN
		PERFORM weir.hold_inventories(users, '{}');
		matches := weir.find_all(lines);
		alone := ARRAY(
			SELECT l.user_id FROM unnest(lines, matches) l WHERE l.mapping_id IS NULL
			UNION
			SELECT h.user_id FROM unnest(weir.find_vendors(heads)) h WHERE h.vendor_id IS NULL);
		IF alone = '{}' THEN
			RETURN matches;
		END IF;
		RAISE EXCEPTION USING ERRCODE = 'WE003'; -- gives back what is held
	EXCEPTION WHEN SQLSTATE 'WE003' THEN
		PERFORM weir.hold_inventories(users, alone);
	END;
	RETURN weir.find_all(lines);
END $$;

-- Makes the vendors that are not there.
CREATE OR REPLACE FUNCTION weir.take_vendors(heads weir.invoice_head[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	h weir.invoice_head;
BEGIN
	FOR h IN SELECT * FROM unnest(weir.find_vendors(heads)) m WHERE m.vendor_id IS NULL LOOP
		BEGIN
			PERFORM weir.take_vendor(h.user_id, h.vendor_key, h.vendor_name);
		EXCEPTION WHEN OTHERS OR assert_failure THEN
			IF NOT weir.is_refusal(SQLSTATE) THEN
				RAISE;
			END IF;
		END;
	END LOOP;
END $$;

-- How the first one of a duplicate is written, where it is otherwise.
CREATE OR REPLACE FUNCTION weir.other_invoice(first weir.invoices, vendor text, number text, day date) RETURNS text
LANGUAGE sql STABLE AS $$
SELECT concat(', there as ' || nullif(first.invoice_number, number),
              ', of ' || (SELECT v.name FROM weir.vendors v
                           WHERE v.vendor_id = first.vendor_id AND v.vendor_key <> weir.text_key(vendor)),
              ', dated ' || nullif(first.invoice_date, day))
$$;

-- Writes them down, in one order for everybody, and finds out of which other one each is a duplicate.
-- What is refused for that is not written; what was written before is not refused. From here on nobody
-- else books lines of these invoices, so that no line is booked as goods here, and there as a charge.
CREATE OR REPLACE FUNCTION weir.register_invoices(INOUT heads weir.invoice_head[]) LANGUAGE plpgsql AS $$
BEGIN
	heads := weir.find_vendors(heads);
	INSERT INTO weir.invoices (user_id, invoice_id, vendor_id, company_key, number_key, credit,
	       invoice_number, invoice_date, currency)
	SELECT h.user_id, h.invoice_id, h.vendor_id, weir.company_key(h.vendor_name),
	       weir.number_key(h.invoice_number), h.credit, h.invoice_number, h.invoice_date, h.currency
	  FROM unnest(heads) h WHERE h.vendor_id IS NOT NULL
	 ORDER BY 5, 4, 6, 1, 2
	ON CONFLICT DO NOTHING;
	SELECT array_agg(ROW(h.pos, h.user_id, h.invoice_id, h.vendor_name, h.vendor_key, h.vendor_id,
	                     h.invoice_number, h.invoice_date, h.currency, h.places, h.total, h.credit,
	                     h.refuse AND o.invoice_id IS NULL AND (f.i).invoice_id IS NOT NULL,
	                     (f.i).invoice_id, weir.other_invoice(f.i, h.vendor_name, h.invoice_number,
	                                                          h.invoice_date))
	                 ::weir.invoice_head ORDER BY h.n)
	  INTO heads
	  FROM unnest(heads) WITH ORDINALITY AS h(pos, user_id, invoice_id, vendor_name, vendor_key,
	       vendor_id, invoice_number, invoice_date, currency, places, total, credit, refuse, duplicate_of,
	       other, n)
	  LEFT JOIN LATERAL (SELECT i.* FROM weir.invoices i WHERE i.invoice_id = h.invoice_id
	        AND i.user_id = h.user_id LIMIT 1) o ON true
	  LEFT JOIN LATERAL (
	       SELECT i FROM weir.invoices i WHERE i.invoice_id = o.duplicate_of AND i.user_id = o.user_id
	       UNION ALL
	       SELECT i FROM weir.invoices i
	        WHERE o.invoice_id IS NULL AND i.number_key = weir.number_key(h.invoice_number)
	          AND i.company_key = weir.company_key(h.vendor_name) AND i.credit = h.credit
	          AND i.user_id = h.user_id AND i.duplicate_of IS NULL
	       LIMIT 1) f ON true;
	INSERT INTO weir.invoices (user_id, invoice_id, vendor_id, company_key, number_key, credit,
	       invoice_number, invoice_date, currency, duplicate_of)
	SELECT h.user_id, h.invoice_id, h.vendor_id, weir.company_key(h.vendor_name),
	       weir.number_key(h.invoice_number), h.credit, h.invoice_number, h.invoice_date, h.currency,
	       h.duplicate_of
	  FROM unnest(heads) h WHERE h.duplicate_of IS NOT NULL AND NOT h.refuse
	 ORDER BY 1, 2
	ON CONFLICT DO NOTHING;
	PERFORM FROM unnest(heads) h CROSS JOIN LATERAL (SELECT FROM weir.invoices i
	         WHERE i.invoice_id = h.invoice_id AND i.user_id = h.user_id FOR NO KEY UPDATE) i;
END $$;

-- Finds or makes the items of those lines that are not known.
CREATE OR REPLACE FUNCTION weir.map_new(lines weir.invoice_line[], known weir.line_match[])
RETURNS weir.line_match[] LANGUAGE plpgsql AS $$
DECLARE
	matches weir.line_match[] := '{}';
BEGIN
	IF NOT EXISTS (SELECT FROM unnest(known) m WHERE m.mapping_id IS NULL) THEN
		RETURN known;
	END IF;
	FOR n IN 1 .. cardinality(lines) BY 500 LOOP
		matches := matches || weir.do_safely('map', lines[n:n + 499], known[n:n + 499]);
	END LOOP;
	RETURN matches;
END $$;

-- ---- writing ----

-- Writes lines whose items are known and held. Those that stand there already, be it as charges, are left
-- as they are.
-- What is free is no purchase: a sample is no earlier price, and no last one.
CREATE OR REPLACE FUNCTION weir.write_lines(lines weir.invoice_line[], matches weir.line_match[])
RETURNS weir.booked_line[] LANGUAGE plpgsql AS $$
DECLARE
	booked weir.booked_line[];
BEGIN
	WITH t AS (
		INSERT INTO weir.inventory_transactions (user_id, invoice_id, line, kind, vendor_id,
		       item_id, mapping_id, match, invoice_number, invoice_date, currency, description,
		       quantity, unit_price, total_cost, pack_size, pack_units, quantity_change,
		       unit_cost, ordered, weight, uom)
		SELECT l.user_id, l.invoice_id, l.line, CASE WHEN l.credit THEN 'credit' ELSE 'purchase' END,
		       l.vendor_id, l.item_id, l.mapping_id, l.match, l.invoice_number, l.invoice_date,
		       l.currency, l.description, l.quantity, l.unit_price,
		       coalesce(l.total, l.quantity * l.unit_price), l.pack_size, l.pack_units,
		       l.quantity * l.pack_units, round(l.unit_price / l.pack_units, 10),
		       l.ordered, l.weight, l.uom
		  FROM unnest(lines, matches) AS l
		  LEFT JOIN LATERAL (SELECT x.line FROM weir.invoice_charges x
		         WHERE x.user_id = l.user_id AND x.invoice_id = l.invoice_id AND x.line = l.line
		         LIMIT 1) x ON true
		 WHERE l.item_id IS NOT NULL AND x.line IS NULL
		ON CONFLICT DO NOTHING
		RETURNING user_id, item_id, vendor_id, currency, invoice_date, invoice_id, line,
		          unit_price, pack_units, quantity_change,
		          kind = 'purchase' AND quantity <> 0 AND unit_price <> 0 AS is_purchase),
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

-- Writes charges; those that stand there already, be it as goods, are left as they are.
CREATE OR REPLACE FUNCTION weir.write_charges(charges weir.invoice_charge[], heads weir.invoice_head[])
RETURNS void LANGUAGE sql AS $$
INSERT INTO weir.invoice_charges (user_id, invoice_id, line, kind, told_by, vendor_id, invoice_number,
       invoice_date, currency, item_number, description, quantity, unit_price, amount)
SELECT c.user_id, c.invoice_id, c.line, c.kind, c.told_by, h.vendor_id, h.invoice_number, h.invoice_date,
       h.currency, c.item_number, c.description, c.quantity, c.unit_price, c.amount
  FROM unnest(charges) c JOIN unnest(heads) h USING (pos)
  LEFT JOIN LATERAL (SELECT t.line FROM weir.inventory_transactions t
         WHERE t.user_id = c.user_id AND t.invoice_id = c.invoice_id AND t.line = c.line
         LIMIT 1) t ON true
 WHERE h.vendor_id IS NOT NULL AND t.line IS NULL
 ORDER BY c.user_id COLLATE "C", c.invoice_id COLLATE "C", c.line
ON CONFLICT DO NOTHING
$$;

-- The same, and those that the database refuses do not take the others with them. Returns why each was
-- refused, NULL where it was not.
CREATE OR REPLACE FUNCTION weir.book_charges(charges weir.invoice_charge[], heads weir.invoice_head[])
RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	half integer := cardinality(charges) / 2;
BEGIN
	BEGIN
		PERFORM weir.write_charges(charges, heads);
		RETURN array_fill(NULL::text, ARRAY[cardinality(charges)]);
	EXCEPTION WHEN OTHERS OR assert_failure THEN
		IF NOT weir.is_refusal(SQLSTATE) THEN
			RAISE;
		END IF;
		IF half = 0 THEN
			RETURN ARRAY[SQLERRM];
		END IF;
	END;
	RETURN weir.book_charges(charges[:half], heads) || weir.book_charges(charges[half + 1:], heads);
END $$;

-- ---- results ----

-- Why lines are not booked: the first thousand of them.
CREATE OR REPLACE FUNCTION weir.list_faults(of_user text, invoice text, its_lines integer[], texts text[],
                                 errors text[])
RETURNS json LANGUAGE sql STABLE AS $$
SELECT json_agg(json_build_object('line', l.line, 'description', l.description,
       'error', coalesce(t.error, l.error, 'a rule of the database has left the line out'),
       'error_class', CASE WHEN t.error IS NULL THEN 'store' ELSE 'booked_differently' END)
       ORDER BY l.line)
  FROM unnest(its_lines[:1000], texts[:1000], errors[:1000]) AS l(line, description, error)
  LEFT JOIN LATERAL (SELECT format('was booked before with other content: %s x %s (%s) at %s %s',
                                   t.quantity, t.description, coalesce(t.pack_size, 'no pack size'),
                                   t.unit_price, t.currency) AS error
          FROM weir.inventory_transactions t WHERE t.user_id = of_user
           AND t.invoice_id = invoice AND t.line = l.line
        UNION ALL
        SELECT format('was booked before as a charge (%s): %s, %s %s', x.kind, x.description, x.amount,
                      x.currency)
          FROM weir.invoice_charges x WHERE x.user_id = of_user
           AND x.invoice_id = invoice AND x.line = l.line LIMIT 1) t ON true
$$;

-- What stands booked of an invoice: its sum, and how far that may be from what was billed: the vendor
-- rounds each product to the smallest coin, which has so many places, up or down.
CREATE OR REPLACE FUNCTION weir.invoice_sum(of_user text, invoice text, places integer)
RETURNS TABLE (total numeric, tolerance numeric) LANGUAGE sql STABLE AS $$
SELECT sum(b.amount),
       0.5 * 10::numeric ^ -places * count(*) FILTER (WHERE b.amount <> round(b.amount, places))
  FROM (SELECT t.total_cost AS amount FROM weir.inventory_transactions t
         WHERE t.user_id = of_user AND t.invoice_id = invoice
        UNION ALL
        SELECT x.amount FROM weir.invoice_charges x
         WHERE x.user_id = of_user AND x.invoice_id = invoice) b
$$;

-- The total of an invoice with its sign. Of credit notes many are written without one: below zero is meant,
-- unless they come to more than zero (a discount that is taken back, a fee that is kept).
CREATE OR REPLACE FUNCTION weir.signed_total(h weir.invoice_head, booked numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN h.credit AND h.total > 0 AND coalesce(booked, 0) <= 0 THEN -h.total ELSE h.total END;

-- What a person is told of an invoice as a whole: `billed` is its own total.
CREATE OR REPLACE FUNCTION weir.invoice_warnings(h weir.invoice_head, billed numeric, total numeric,
                                      difference numeric)
RETURNS json LANGUAGE sql STABLE AS $$
SELECT coalesce(json_agg(json_build_object('line', NULL, 'description', NULL, 'warning', w.warning,
                                           'warning_class', w.class)), '[]')
  FROM (SELECT format('invoice %s of %s is booked as "%s" as well%s', h.invoice_number, h.vendor_name,
                      h.duplicate_of, h.other) AS warning, 'duplicate_invoice' AS class
         WHERE h.duplicate_of IS NOT NULL
        UNION ALL
        SELECT format('invoice_total is %s, and what is booked comes to %s: a difference of %s', billed,
                      total, difference), 'invoice_total_differs'
         WHERE difference IS NOT NULL) w
$$;

-- One list of two.
CREATE OR REPLACE FUNCTION weir.join_lists(a json, b json) RETURNS json LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN b IS NULL OR json_array_length(b) = 0 THEN a
            ELSE (SELECT json_agg(e.v ORDER BY e.list, e.n)
                    FROM (SELECT 1 AS list, v, n FROM json_array_elements(a) WITH ORDINALITY AS x(v, n)
                          UNION ALL
                          SELECT 2, v, n FROM json_array_elements(b) WITH ORDINALITY AS x(v, n)) e) END;

-- One that is refused since it is there already: nothing of it is booked.
CREATE OR REPLACE FUNCTION weir.refused_result(h weir.invoice_head, lines bigint, failed json, omitted integer,
                                    warnings json, warnings_omitted integer)
RETURNS json LANGUAGE sql STABLE AS $$
SELECT json_build_object(
	'status', 'failed', 'vendor_id', h.vendor_id, 'invoice_number', h.invoice_number,
	'items_processed', 0, 'items_failed', lines + json_array_length(failed) + omitted,
	'inventory_items_created', 0, 'inventory_items_updated', 0, 'exact_matches', 0,
	'fuzzy_matches', 0, 'total_cost', '0', 'charges_processed', 0, 'charges_total', '0',
	'invoice_total', h.total::text, 'invoice_total_difference', NULL,
	'duplicate_of', h.duplicate_of, 'currency', h.currency, 'price_increases', 0,
	'price_decreases', 0, 'review', '[]'::json, 'review_omitted', 0,
	'failed_items', weir.join_lists(failed, json_build_array(json_build_object('line', NULL,
	        'description', NULL, 'error', format('invoice %s of %s is booked as "%s" already%s, '
	        'and invoice.duplicate is refuse', h.invoice_number, h.vendor_name, h.duplicate_of,
	        h.other),
	        'error_class', 'duplicate_invoice'))),
	'failed_items_omitted', omitted + greatest(lines - 1, 0), 'warnings', warnings,
	'warnings_omitted', warnings_omitted,
	'processing_time', round(extract(epoch FROM clock_timestamp() - now()), 6))
$$;

-- What each invoice came to, from what stands in the tables now. It is refused when no line stands
-- there.
CREATE OR REPLACE FUNCTION weir.invoice_results(positions integer[], invoices text[], heads weir.invoice_head[],
                                     lines weir.invoice_line[], matches weir.line_match[],
                                     charges weir.invoice_charge[], charge_errors text[])
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
	  FROM l GROUP BY l.pos),
c AS (
	SELECT c.pos, count(x.line) AS booked, count(*) - count(x.line) AS refused,
	       sum(x.amount) AS amount,
	       json_agg(json_build_object('line', c.line, 'description', c.description, 'error',
	                coalesce(c.error, 'is no charge there: the line was booked before with other '
	                'content, or a rule of the database has left it out'), 'error_class',
	                CASE WHEN c.error IS NULL THEN 'booked_differently' ELSE 'store' END)
	                ORDER BY c.line) FILTER (WHERE x.line IS NULL AND c.n <= 1000) AS faults
	  FROM (SELECT u.*, row_number() OVER (PARTITION BY u.pos ORDER BY u.line) AS n
	          FROM unnest(charges, charge_errors) AS u(pos, user_id, invoice_id, line, kind, told_by,
	               item_number, description, quantity, unit_price, amount, credit, error)) c
	  LEFT JOIN LATERAL (SELECT x.line, x.amount FROM weir.invoice_charges x
	         WHERE x.user_id = c.user_id AND x.invoice_id = c.invoice_id AND x.line = c.line
	           AND x.kind = c.kind AND x.description = c.description AND x.amount = c.amount
	         LIMIT 1) x ON true
	 GROUP BY c.pos),
a AS (
	SELECT h.pos, h AS head, coalesce(s.booked, 0) AS booked, coalesce(s.refused, 0) AS refused,
	       coalesce(c.booked, 0) AS charged, coalesce(c.refused, 0) AS uncharged, c.amount, c.faults,
	       t.billed, b.total,
	       CASE WHEN abs(b.total - t.billed) > b.tolerance THEN b.total - t.billed END AS difference
	  FROM unnest(heads) h
	  LEFT JOIN s ON s.pos = h.pos
	  LEFT JOIN c ON c.pos = h.pos
	  LEFT JOIN LATERAL (SELECT s.* FROM weir.invoice_sum(h.user_id, h.invoice_id, h.places) s
	         WHERE h.total IS NOT NULL OFFSET 0) b ON true -- most have none: nothing is summed up
	 CROSS JOIN LATERAL (SELECT weir.signed_total(h, b.total) AS billed) t)
SELECT a.pos, CASE WHEN (a.head).refuse
	THEN weir.refused_result(a.head, a.booked + a.refused + a.charged + a.uncharged, h.failed_items,
	                         h.failed_omitted, h.warnings, h.warnings_omitted)
	ELSE json_build_object(
	'status', CASE WHEN a.booked + a.charged = 0 THEN 'failed'
	          WHEN a.refused + a.uncharged + h.failed = 0 AND a.difference IS NULL THEN 'success'
	          ELSE 'partial_success' END,
	'vendor_id', (a.head).vendor_id, 'invoice_number', h.invoice_number,
	'items_processed', a.booked, 'items_failed', a.refused + a.uncharged + h.failed,
	'inventory_items_created', coalesce(s.created, 0),
	'inventory_items_updated', coalesce(s.items - s.created, 0),
	'exact_matches', coalesce(s.exact, 0), 'fuzzy_matches', coalesce(s.fuzzy, 0),
	'total_cost', coalesce(s.cost, 0)::text, 'charges_processed', a.charged,
	'charges_total', coalesce(a.amount, 0)::text, 'invoice_total', a.billed::text,
	'invoice_total_difference', a.difference::text, 'duplicate_of', (a.head).duplicate_of,
	'currency', h.currency,
	'price_increases', coalesce(s.increases, 0), 'price_decreases', coalesce(s.decreases, 0),
	'review', coalesce(weir.list_reviews(s.lines, s.texts, s.mappings), '[]'),
	'review_omitted', greatest(coalesce(cardinality(s.lines), 0) - 100, 0),
	'failed_items', CASE WHEN a.refused + a.uncharged = 0 THEN h.failed_items ELSE (
	        SELECT json_agg(f ORDER BY (f->>'line')::integer)
	          FROM (SELECT json_array_elements(h.failed_items)
	                UNION ALL SELECT json_array_elements(weir.list_faults(
	                        s.user_id, s.invoice_id, s.bad_lines, s.bad_texts, s.errors))
	                UNION ALL SELECT json_array_elements(a.faults)) AS x(f)) END,
	'failed_items_omitted', h.failed_omitted + greatest(a.refused - 1000, 0)
	                        + greatest(a.uncharged - 1000, 0),
	'warnings', weir.join_lists(h.warnings, weir.invoice_warnings(a.head, a.billed, a.total,
	                                                              a.difference)),
	'warnings_omitted', h.warnings_omitted,
	'processing_time', round(extract(epoch FROM clock_timestamp() - now()), 6)) END,
	a.booked + a.charged = 0
  FROM a
  LEFT JOIN s ON s.pos = a.pos
  JOIN (SELECT u.pos, i.invoice_number, i.currency, i.failed_items, i.warnings,
               coalesce(i.failed_items_omitted, 0) AS failed_omitted,
               coalesce(i.warnings_omitted, 0) AS warnings_omitted,
               json_array_length(i.failed_items) + coalesce(i.failed_items_omitted, 0) AS failed
          FROM unnest(positions, invoices) AS u(pos, invoice)
         CROSS JOIN LATERAL json_to_record(u.invoice::json) AS i(invoice_number text,
               currency text, failed_items json, failed_items_omitted integer, warnings json,
               warnings_omitted integer)
       ) h ON h.pos = a.pos
$$;

-- ---- a flush ----

-- Books the invoices of a flush: their users, ids and lines (JSON, as the plugin `invoice` has
-- checked them), by position. Returns what each came to.
CREATE OR REPLACE FUNCTION weir.book_invoices(positions integer[], user_ids text[], invoice_ids text[],
                                              invoices text[])
RETURNS TABLE (pos integer, result json, refused boolean) LANGUAGE plpgsql AS $$
DECLARE
	lines weir.invoice_line[] := weir.read_invoices(positions, user_ids, invoice_ids, invoices);
	charges weir.invoice_charge[] := weir.read_charges(positions, user_ids, invoice_ids, invoices);
	heads weir.invoice_head[] := weir.read_heads(positions, user_ids, invoice_ids, invoices, lines,
	                                             charges);
	matches weir.line_match[] := weir.take_inventories(heads, lines);
	errors text[];
	refused_pos integer[];
	left_lines weir.invoice_line[]; -- of those that are refused: they are not mapped
	left_charges weir.invoice_charge[];
BEGIN
	PERFORM weir.take_vendors(heads);
	heads := weir.register_invoices(heads);
	refused_pos := ARRAY(SELECT h.pos FROM unnest(heads) h WHERE h.refuse);
	IF refused_pos <> '{}' THEN
		left_lines := ARRAY(SELECT l FROM unnest(lines) l WHERE l.pos = ANY (refused_pos));
		lines := ARRAY(SELECT l FROM unnest(lines) l WHERE l.pos <> ALL (refused_pos));
		matches := weir.find_all(lines);
		left_charges := ARRAY(SELECT c FROM unnest(charges) c WHERE c.pos = ANY (refused_pos));
		charges := ARRAY(SELECT c FROM unnest(charges) c WHERE c.pos <> ALL (refused_pos));
	END IF;
	matches := weir.map_new(lines, matches);
	-- From here on the prices and quantities of these items are ours, in the order of their keys.
	PERFORM FROM (SELECT DISTINCT l.item_id FROM unnest(lines, matches) l
	               WHERE l.item_id IS NOT NULL ORDER BY 1) u
	       CROSS JOIN LATERAL (SELECT FROM weir.inventory_items i
	               WHERE i.item_id = u.item_id FOR NO KEY UPDATE) i;
	matches := weir.do_safely('book', lines, matches);
	errors := weir.book_charges(charges, heads);
	PERFORM weir.forget_items(matches);
	RETURN QUERY SELECT * FROM weir.invoice_results(positions, invoices, heads, lines || left_lines,
	                                                matches, charges || left_charges, errors);
END $$;

-- ---- callers of before ----

-- One that was in book_invoices() as it was, when this took its place, goes on with these.

CREATE OR REPLACE FUNCTION weir.map_all(lines weir.invoice_line[]) RETURNS weir.line_match[]
LANGUAGE sql AS $$
SELECT weir.map_new(lines, weir.take_inventories('{}', lines))
$$;

CREATE OR REPLACE FUNCTION weir.invoice_results(positions integer[], invoices text[],
                                                lines weir.invoice_line[], matches weir.line_match[])
RETURNS TABLE (pos integer, result json, refused boolean) LANGUAGE sql AS $$
WITH g AS (
	SELECT array_agg(u.pos) AS pos, array_agg(l.user_id) AS users, array_agg(l.invoice_id) AS ids,
	       array_agg(u.invoice) AS invoices
	  FROM unnest(positions, invoices) AS u(pos, invoice)
	  JOIN (SELECT DISTINCT l.pos, l.user_id, l.invoice_id FROM unnest(lines) l) l USING (pos))
SELECT r.* FROM g
 CROSS JOIN LATERAL weir.invoice_results(positions, invoices,
       weir.register_invoices(weir.read_heads(g.pos, g.users, g.ids, g.invoices, lines, '{}')),
       lines, matches, '{}', '{}') r
$$;
