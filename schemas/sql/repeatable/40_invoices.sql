-- Invoices of suppliers, booked into an inventory: the kind `invoice`.
--
-- All of a flush is booked by one call of weir.book_invoices() (42_invoice_totals.sql): what would be some
-- four round trips for each line is none at all.

-- What two texts have in common that mean the same to a person: letter case, punctuation and the
-- forms of a character do not count. What is a letter is not asked of the database's locale: to "C"
-- none is but a-z, and to ICU not the vowels of Hindi and Thai, so that different words became one.
CREATE OR REPLACE FUNCTION weir.text_key(t text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(nullif(btrim(regexp_replace(lower(normalize(t, NFKC)),
       '[^a-z0-9\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u1FFF\u2C00-\u2DFF\u3005-\u3007\u3040-\uFDFF'
       '\U00010000-\U0001CFFF\U00020000-\U0003FFFF]+', ' ', 'g')), ''), btrim(lower(t)));

-- ---- mapping ----

-- Gets or makes the vendor. Its caller holds the user's inventory alone, as those below.
CREATE OR REPLACE FUNCTION weir.take_vendor(of_user text, key text, its_name text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
BEGIN
	SELECT v.vendor_id INTO id FROM weir.vendors v WHERE v.user_id = of_user AND v.vendor_key = key;
	IF id IS NULL THEN
		INSERT INTO weir.vendors (user_id, vendor_key, name) VALUES (of_user, key, its_name)
		RETURNING vendor_id INTO id;
	END IF;
	RETURN id;
END $$;

CREATE OR REPLACE FUNCTION weir.make_item(of_user text, unit text, key text, text text, its_category text)
RETURNS bigint LANGUAGE sql AS $$
INSERT INTO weir.inventory_items (user_id, base_unit, item_key, description, category)
VALUES (of_user, unit, key, text, its_category) RETURNING item_id
$$;

-- In order: what one line has made, the next one finds.
CREATE OR REPLACE FUNCTION weir.map_lines(lines weir.invoice_line[], INOUT matches weir.line_match[])
LANGUAGE plpgsql AS $$
DECLARE
	vendor bigint;
BEGIN
	FOR n IN 1 .. cardinality(lines) LOOP
		CONTINUE WHEN matches[n].mapping_id IS NOT NULL;
		vendor := weir.take_vendor(lines[n].user_id, lines[n].vendor_key, lines[n].vendor_name);
		matches[n] := (weir.find_items(lines[n:n]))[1];
		CONTINUE WHEN matches[n].mapping_id IS NOT NULL;
		matches[n] := weir.map_line(lines[n], vendor);
	END LOOP;
END $$;

-- ---- writing ----

-- The vendor's newest price of an item before a day.
CREATE OR REPLACE FUNCTION weir.price_before(item bigint, vendor bigint, in_currency text, day date)
RETURNS TABLE (price numeric, pack_units numeric) LANGUAGE sql STABLE AS $$
SELECT p.price, p.pack_units FROM weir.price_history p
 WHERE p.item_id = item AND p.vendor_id = vendor AND p.currency = in_currency
   AND p.invoice_date < day
 ORDER BY p.invoice_date DESC, p.invoice_id DESC, p.line DESC LIMIT 1
$$;

-- (price / units - price0 / units0) / (price0 / units0), with a single division.
CREATE OR REPLACE FUNCTION weir.price_change(price numeric, units numeric, price0 numeric, units0 numeric)
RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN round((price * units0 - price0 * units) * 100 / nullif(price0 * units, 0), 4);

-- What rows of the history say of the price before them, where it is no longer so.
CREATE OR REPLACE FUNCTION weir.derive_prices(of_user text[], invoice text[], its_line integer[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	UPDATE weir.price_history p
	   SET previous_price = d.price, previous_pack_units = d.pack_units,
	       price_change_percent = weir.price_change(p.price, p.pack_units, d.price, d.pack_units),
	       is_price_increase = p.price * d.pack_units > d.price * p.pack_units
	  FROM (SELECT p.user_id, p.invoice_id, p.line, b.price, b.pack_units
	          FROM unnest(of_user, invoice, its_line) AS u(user_id, invoice_id, line)
	         CROSS JOIN LATERAL (SELECT h.* FROM weir.price_history h WHERE h.user_id = u.user_id
	               AND h.invoice_id = u.invoice_id AND h.line = u.line LIMIT 1) p
	          LEFT JOIN LATERAL weir.price_before(p.item_id, p.vendor_id, p.currency,
	               p.invoice_date) b ON true
	         WHERE (b.price, b.pack_units)
	               IS DISTINCT FROM (p.previous_price, p.previous_pack_units)) d
	 WHERE p.user_id = d.user_id AND p.invoice_id = d.invoice_id AND p.line = d.line;
END $$;

-- The rows of the next day after each new one, which may be new, too.
CREATE OR REPLACE FUNCTION weir.derive_around(booked weir.booked_line[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	users text[];
	invoices text[];
	numbers integer[];
BEGIN
	SELECT array_agg(n.user_id), array_agg(n.invoice_id), array_agg(n.line)
	  INTO users, invoices, numbers
	  FROM (SELECT DISTINCT b.item_id, b.vendor_id, b.currency, b.invoice_date
	          FROM unnest(booked) b WHERE b.is_purchase) b
	 CROSS JOIN LATERAL (SELECT p.user_id, p.invoice_id, p.line FROM weir.price_history p
	       WHERE p.item_id = b.item_id AND p.vendor_id = b.vendor_id AND p.currency = b.currency
	         AND p.invoice_date = (SELECT q.invoice_date FROM weir.price_history q
	              WHERE q.item_id = b.item_id AND q.vendor_id = b.vendor_id
	                AND q.currency = b.currency AND q.invoice_date > b.invoice_date
	              ORDER BY q.invoice_date, q.invoice_id, q.line LIMIT 1)) n;
	IF users IS NOT NULL THEN
		PERFORM weir.derive_prices(users, invoices, numbers);
	END IF;
END $$;

-- Adds what was booked to the items, each in one update; the newest purchase only moves forward.
CREATE OR REPLACE FUNCTION weir.book_items(booked weir.booked_line[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE weir.inventory_items i
	   SET quantity = i.quantity + s.quantity, updated_at = now(),
	       (last_purchase_date, last_purchase_invoice, last_purchase_line, last_purchase_price,
	        last_purchase_currency, last_purchase_pack_units) = (
	       SELECT c.* FROM (VALUES
	              (i.last_purchase_date, i.last_purchase_invoice, i.last_purchase_line,
	               i.last_purchase_price, i.last_purchase_currency, i.last_purchase_pack_units),
	              ((s.newest).invoice_date, (s.newest).invoice_id, (s.newest).line,
	               (s.newest).price, (s.newest).currency, (s.newest).pack_units))
	              AS c(day, invoice, line, price, currency, units)
	        ORDER BY c.day DESC NULLS LAST, c.invoice COLLATE "C" DESC, c.line DESC LIMIT 1)
	  FROM (SELECT b.item_id, sum(b.quantity_change) AS quantity,
	               (array_agg(b ORDER BY b.invoice_date DESC, b.invoice_id DESC, b.line DESC)
	                FILTER (WHERE b.is_purchase))[1] AS newest
	          FROM unnest(booked) AS b GROUP BY b.item_id) s
	 WHERE i.item_id = s.item_id;
END $$;

-- Books lines: one update for all items of theirs.
CREATE OR REPLACE FUNCTION weir.book_lines(lines weir.invoice_line[], matches weir.line_match[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	booked weir.booked_line[];
BEGIN
	FOR n IN 1 .. cardinality(lines) BY 500 LOOP
		booked := booked || weir.write_lines(lines[n:n + 499], matches[n:n + 499]);
	END LOOP;
	PERFORM weir.book_items(booked);
END $$;

-- ---- dividing ----

-- Whether a failure is about the rows: of the classes that are, and those that are left to users'
-- own rules (SQL standard, part 2, 24.1: neither 0 to 4 nor A to H; less what PostgreSQL and weir use).
CREATE OR REPLACE FUNCTION weir.is_refusal(code text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN code ~ '^(09|21|22|23|44|54|P0|[689I-OQ-VYZ])';

-- Maps or books lines. One that the database refuses for good must not take the others with it: they
-- are divided until it stands alone. Faults that may pass, and those of the schema, are the whole
-- flush's.
CREATE OR REPLACE FUNCTION weir.do_safely(step text, lines weir.invoice_line[], INOUT matches weir.line_match[])
LANGUAGE plpgsql AS $$
DECLARE
	half integer := cardinality(lines) / 2;
BEGIN
	BEGIN
		IF step = 'map' THEN
			matches := weir.map_lines(lines, matches);
		ELSE
			PERFORM weir.book_lines(lines, matches);
		END IF;
		RETURN;
	EXCEPTION WHEN OTHERS OR assert_failure THEN
		IF NOT weir.is_refusal(SQLSTATE) THEN
			RAISE;
		END IF;
		IF half = 0 THEN
			matches[1].error := SQLERRM;
			RETURN;
		END IF;
	END;
	matches := weir.do_safely(step, lines[:half], matches[:half])
	      || weir.do_safely(step, lines[half + 1:], matches[half + 1:]);
END $$;

-- ---- a flush ----

-- One user's inventory is mapped by one transaction at a time (alone), while those to whom all is
-- known go on side by side. In the order of users, so that nobody waits in a circle.
CREATE OR REPLACE FUNCTION weir.hold_inventories(users text[], alone text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	u text;
	key bigint;
BEGIN
	FOR u IN SELECT DISTINCT x COLLATE "C" FROM unnest(users) AS x ORDER BY 1 LOOP
		key := hashtextextended('weir.inventory/' || u, 0);
		IF u = ANY (alone) THEN
			PERFORM pg_advisory_xact_lock(key);
		ELSE
			PERFORM pg_advisory_xact_lock_shared(key);
		END IF;
	END LOOP;
END $$;

-- An item that was made for a line which in the end is not booked is not left behind, nor what leads
-- to it: unless something of the user's own refers to it by now.
CREATE OR REPLACE FUNCTION weir.forget_items(matches weir.line_match[]) RETURNS void
LANGUAGE plpgsql SET enable_hashjoin = on AS $$
BEGIN
	WITH unused AS (
		DELETE FROM weir.inventory_items i
		 USING (SELECT m.item_id FROM unnest(matches) m WHERE m.match = 'new' OFFSET 0) n
		 WHERE i.item_id = n.item_id AND NOT EXISTS (
		       SELECT FROM weir.inventory_transactions t WHERE t.item_id = n.item_id)
		RETURNING i.item_id)
	DELETE FROM weir.vendor_item_mappings k USING unused, unnest(matches) m
	 WHERE m.item_id = unused.item_id AND k.mapping_id = m.mapping_id;
EXCEPTION WHEN integrity_constraint_violation THEN
	NULL;
END $$;

-- ---- review ----

-- The mapping is right as it is. False: there is none to accept.
CREATE OR REPLACE FUNCTION weir.accept_mapping(of_user text, mapping bigint) RETURNS boolean
LANGUAGE sql AS $$
WITH m AS (UPDATE weir.vendor_item_mappings SET needs_review = false, reviewed_at = now()
            WHERE user_id = of_user AND mapping_id = mapping RETURNING 1)
SELECT EXISTS (SELECT FROM m)
$$;

-- Sets what follows from an item's transactions anew.
CREATE OR REPLACE FUNCTION weir.recount_item(of_user text, item bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	p weir.price_history;
BEGIN
	SELECT * INTO p FROM weir.price_history h WHERE h.user_id = of_user AND h.item_id = item
	 ORDER BY h.invoice_date DESC, h.invoice_id DESC, h.line DESC LIMIT 1;
	UPDATE weir.inventory_items i
	   SET quantity = (SELECT coalesce(sum(t.quantity_change), 0)
	                     FROM weir.inventory_transactions t
	                    WHERE t.user_id = of_user AND t.item_id = item),
	       updated_at = now(), last_purchase_date = p.invoice_date,
	       last_purchase_invoice = p.invoice_id, last_purchase_line = p.line,
	       last_purchase_price = p.price, last_purchase_currency = p.currency,
	       last_purchase_pack_units = p.pack_units
	 WHERE i.user_id = of_user AND i.item_id = item;
	PERFORM weir.derive_prices(array_agg(h.user_id), array_agg(h.invoice_id), array_agg(h.line))
	   FROM weir.price_history h WHERE h.user_id = of_user AND h.item_id = item;
END $$;
