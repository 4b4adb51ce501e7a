-- What invoices say besides quantity and price of goods: line totals, weights, units of measure, charges,
-- and the invoice's own total; and whether an invoice is there already, under another custom_id.
--
-- A line is booked by what its price is of (consumers/invoice/settle.h): quantity, unit_price and
-- pack_units are of that; `ordered`, `weight` and `uom` are what is written. total_cost is the money
-- billed: the line's extended_price where it has one, else quantity x unit_price, exactly.

ALTER TABLE weir.inventory_transactions
	ADD COLUMN ordered numeric, -- the quantity as it is written; these three NULL: not known
	ADD COLUMN weight  numeric, -- in the unit that it is written in
	ADD COLUMN uom     text;

-- One row a line that is no goods: tax, freight, a deposit, a discount, ... In no item, and no quantity of
-- anything; below zero where it is money back.
CREATE TABLE weir.invoice_charges (
	user_id        text COLLATE "C" NOT NULL,
	invoice_id     text COLLATE "C" NOT NULL, -- the item's custom_id
	line           integer NOT NULL,          -- from 1; those of goods are transactions
	kind           text NOT NULL, -- as line_type calls it (consumers/invoice/charge.h)
	told_by        text NOT NULL CHECK (told_by IN ('line_type', 'category', 'description')),
	vendor_id      bigint NOT NULL,
	invoice_number text NOT NULL,
	invoice_date   date NOT NULL,
	currency       text NOT NULL,
	item_number    text,
	description    text NOT NULL,
	quantity       numeric NOT NULL,
	unit_price     numeric NOT NULL,
	amount         numeric NOT NULL, -- billed
	booked_at      timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (invoice_id, line, user_id)
);

-- One row an invoice that is booked. Of those with one number of a vendor the first is itself, and the
-- others are duplicates of it; credit notes are counted apart, as many have the number of the invoice that
-- they are about. So two that are booked at the same time wait for each other here.
--
-- A vendor is known here by its name without its legal form, which is written on one invoice and left out
-- on the next: "Acme Foods" may be two vendors of weir.vendors, each with its own items and prices, but an
-- invoice of both with one number has been booked twice. The date does not count: an invoice that is
-- issued again has a new one. Who begins anew with 1 each year is told for nothing, with the other date.
CREATE TABLE weir.invoices (
	user_id        text COLLATE "C" NOT NULL,
	invoice_id     text COLLATE "C" NOT NULL, -- the item's custom_id
	vendor_id      bigint NOT NULL,
	company_key    text COLLATE "C" NOT NULL, -- weir.company_key() of the vendor's name
	number_key     text COLLATE "C" NOT NULL, -- weir.number_key() of the number
	credit         boolean NOT NULL,          -- all of its lines are credits
	invoice_number text NOT NULL,             -- as it was first written
	invoice_date   date NOT NULL,
	currency       text NOT NULL,
	duplicate_of   text COLLATE "C",          -- the invoice_id of the first
	booked_at      timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (invoice_id, user_id)
);

CREATE UNIQUE INDEX invoices_by_number ON weir.invoices (number_key, company_key, credit, user_id)
	WHERE duplicate_of IS NULL;

-- ---- what is passed on while a flush is booked ----

-- Of old callers all of these are NULL.
ALTER TYPE weir.invoice_line ADD ATTRIBUTE total numeric;
ALTER TYPE weir.invoice_line ADD ATTRIBUTE ordered numeric;
ALTER TYPE weir.invoice_line ADD ATTRIBUTE weight numeric;
ALTER TYPE weir.invoice_line ADD ATTRIBUTE uom text;

CREATE TYPE weir.invoice_head AS (
	pos            integer,
	user_id        text COLLATE "C",
	invoice_id     text COLLATE "C",
	vendor_name    text,
	vendor_key     text COLLATE "C",
	vendor_id      bigint, -- NULL: not known, or not yet
	invoice_number text,
	invoice_date   date,
	currency       text COLLATE "C",
	places         integer, -- of the currency's smallest coin; NULL: not given, nor is a total
	total          numeric, -- NULL: not given
	credit         boolean,
	refuse         boolean, -- a duplicate is refused; once registered: this one is
	duplicate_of   text COLLATE "C", -- NULL: it is none
	other          text -- how that one is written, where it is otherwise: ", dated 2024-03-01"
);

CREATE TYPE weir.invoice_charge AS (
	pos         integer,
	user_id     text COLLATE "C",
	invoice_id  text COLLATE "C",
	line        integer,
	kind        text,
	told_by     text,
	item_number text,
	description text,
	quantity    numeric,
	unit_price  numeric,
	amount      numeric,
	credit      boolean
);

-- @functions@

-- Those that are booked already.
INSERT INTO weir.invoices (user_id, invoice_id, vendor_id, company_key, number_key, credit, invoice_number,
       invoice_date, currency, duplicate_of, booked_at)
SELECT i.user_id, i.invoice_id, i.vendor_id, i.company_key, i.number_key, i.credit, i.invoice_number,
       i.invoice_date, i.currency,
       nullif(first_value(i.invoice_id) OVER (PARTITION BY i.user_id, i.company_key, i.number_key, i.credit
                                              ORDER BY i.booked_at, i.invoice_id), i.invoice_id),
       i.booked_at
  FROM (SELECT t.*, weir.company_key(v.name) AS company_key, weir.number_key(t.invoice_number) AS number_key
          FROM (SELECT t.user_id, t.invoice_id, min(t.vendor_id) AS vendor_id,
                       bool_and(t.kind = 'credit') AS credit, min(t.invoice_number) AS invoice_number,
                       min(t.invoice_date) AS invoice_date, min(t.currency) AS currency,
                       min(t.booked_at) AS booked_at
                  FROM weir.inventory_transactions t GROUP BY t.user_id, t.invoice_id) t
          JOIN weir.vendors v USING (vendor_id)) i;

-- What was free was a price, and is none any more.
DO $$
DECLARE
	i record;
BEGIN
	FOR i IN WITH free AS (DELETE FROM weir.price_history WHERE price = 0
	                       RETURNING user_id, item_id)
	         SELECT DISTINCT user_id, item_id FROM free LOOP
		PERFORM weir.recount_item(i.user_id, i.item_id);
	END LOOP;
END $$;
