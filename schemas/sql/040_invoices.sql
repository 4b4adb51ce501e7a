-- Invoices of suppliers, booked into an inventory: the kind `invoice`.
--
-- Everything belongs to a user, and every key begins with the user. Money and quantities are numeric:
-- nothing here is ever a binary fraction. Each write has a unique key that says what it is, so that
-- doing it again changes nothing: a transaction is one (user, invoice, line).
--
-- All of a flush is booked by one call of weir.book_invoices(), at the end of this file: what would be
-- some four round trips for each line is none at all.

CREATE EXTENSION IF NOT EXISTS pg_trgm;   -- similarity of descriptions
CREATE EXTENSION IF NOT EXISTS btree_gin; -- ... of one user

-- What two texts have in common that mean the same to a person: letter case, punctuation and the
-- forms of a character do not count.
CREATE FUNCTION weir.text_key(t text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(nullif(btrim(regexp_replace(lower(normalize(t, NFKC)), '[^[:alnum:]]+', ' ', 'g')),
                       ''), btrim(lower(t)));

CREATE TABLE weir.vendors (
	user_id    text COLLATE "C" NOT NULL,
	vendor_id  bigint GENERATED ALWAYS AS IDENTITY,
	vendor_key text COLLATE "C" NOT NULL, -- weir.text_key() of the name
	name       text NOT NULL,             -- as it was first written
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (user_id, vendor_id),
	UNIQUE (user_id, vendor_key)
);

-- An item is counted in one base unit (g, ml or each): the same description in another one is another
-- item, so that grams are never added to pieces.
CREATE TABLE weir.inventory_items (
	user_id     text COLLATE "C" NOT NULL,
	item_id     bigint GENERATED ALWAYS AS IDENTITY,
	description text NOT NULL,
	item_key    text COLLATE "C" NOT NULL, -- weir.text_key() of the description
	base_unit   text COLLATE "C" NOT NULL,
	category    text,
	quantity    numeric NOT NULL DEFAULT 0, -- in base units
	-- The newest purchase: by invoice date, then by invoice and line. NULL: none yet.
	last_purchase_date       date,
	last_purchase_invoice    text COLLATE "C",
	last_purchase_line       integer,
	last_purchase_price      numeric, -- of one ordered unit
	last_purchase_currency   text,
	last_purchase_pack_units numeric, -- base units in an ordered unit
	created_at  timestamptz NOT NULL DEFAULT now(),
	updated_at  timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (user_id, item_id),
	UNIQUE (user_id, base_unit, item_key)
) WITH (fillfactor = 80);

-- No pending list, which every search would have to read.
CREATE INDEX inventory_items_similar ON weir.inventory_items
	USING gin (user_id, base_unit, item_key gin_trgm_ops) WITH (fastupdate = off);

-- What a vendor's lines are: by its item number, or by the description where a line has none. A row
-- stays for good; only the item it leads to may change, by review.
CREATE TABLE weir.vendor_item_mappings (
	user_id      text COLLATE "C" NOT NULL,
	mapping_id   bigint GENERATED ALWAYS AS IDENTITY,
	vendor_id    bigint NOT NULL,
	item_number  text COLLATE "C" NOT NULL, -- '': lines without one
	description  text NOT NULL,
	item_key     text COLLATE "C" NOT NULL,
	base_unit    text COLLATE "C" NOT NULL,
	item_id      bigint NOT NULL,
	match        text NOT NULL CHECK (match IN ('exact', 'fuzzy_auto', 'fuzzy_review', 'new')),
	similarity   real,  -- of a fuzzy match
	candidates   json,  -- [{item_id, description, similarity}] of one that a person is to look at
	needs_review boolean NOT NULL DEFAULT false,
	created_at   timestamptz NOT NULL DEFAULT now(),
	reviewed_at  timestamptz,
	PRIMARY KEY (user_id, mapping_id)
);

CREATE UNIQUE INDEX mappings_by_number ON weir.vendor_item_mappings
	(user_id, vendor_id, item_number, base_unit) WHERE item_number <> '';
CREATE UNIQUE INDEX mappings_by_description ON weir.vendor_item_mappings
	(user_id, vendor_id, item_key, base_unit) WHERE item_number = '';
-- The first that a vendor called so.
CREATE INDEX mappings_of_description ON weir.vendor_item_mappings
	(user_id, vendor_id, item_key, base_unit, mapping_id);
CREATE INDEX mappings_to_review ON weir.vendor_item_mappings (user_id, mapping_id) WHERE needs_review;

-- One row a line of an invoice. total_cost is quantity x unit_price, exactly; the cost of a base unit
-- is derived from the price, never the reverse.
CREATE TABLE weir.inventory_transactions (
	user_id         text COLLATE "C" NOT NULL,
	invoice_id      text COLLATE "C" NOT NULL, -- the item's custom_id
	line            integer NOT NULL,          -- from 1
	kind            text NOT NULL CHECK (kind IN ('purchase', 'credit')),
	vendor_id       bigint NOT NULL,
	item_id         bigint NOT NULL,
	mapping_id      bigint NOT NULL,
	match           text NOT NULL, -- how the line found its item
	invoice_number  text NOT NULL,
	invoice_date    date NOT NULL,
	currency        text NOT NULL,
	description     text NOT NULL,
	quantity        numeric NOT NULL, -- ordered
	unit_price      numeric NOT NULL, -- of an ordered unit
	total_cost      numeric NOT NULL,
	pack_size       text,             -- as it was written
	pack_units      numeric NOT NULL, -- base units in an ordered unit
	quantity_change numeric NOT NULL, -- in base units
	unit_cost       numeric NOT NULL, -- of a base unit, rounded to 10 places
	booked_at       timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (user_id, invoice_id, line)
);

CREATE INDEX transactions_of_item ON weir.inventory_transactions (user_id, item_id);

-- One row a purchase. What came before it is the same vendor's newest earlier price of that item in
-- that currency, whatever the order in which invoices arrive; compared by base unit.
CREATE TABLE weir.price_history (
	user_id      text COLLATE "C" NOT NULL,
	invoice_id   text COLLATE "C" NOT NULL,
	line         integer NOT NULL,
	item_id      bigint NOT NULL,
	vendor_id    bigint NOT NULL,
	currency     text COLLATE "C" NOT NULL,
	invoice_date date NOT NULL,
	price        numeric NOT NULL, -- of an ordered unit
	pack_units   numeric NOT NULL,
	previous_price       numeric, -- these four: NULL for the first
	previous_pack_units  numeric,
	price_change_percent numeric, -- of a base unit, rounded to 4 places; NULL too when it was free
	is_price_increase    boolean,
	PRIMARY KEY (user_id, invoice_id, line)
) WITH (fillfactor = 80);

CREATE INDEX prices_in_time ON weir.price_history
	(user_id, item_id, vendor_id, currency, invoice_date, invoice_id, line);
