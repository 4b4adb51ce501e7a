-- Invoices of suppliers, booked into an inventory: the kind `invoice`.
--
-- Everything belongs to a user. Money and quantities are numeric: nothing here is ever a binary
-- fraction. Each write has a unique key that says what it is, so that doing it again changes nothing: a
-- transaction is one (user, invoice, line).
--
-- An index begins with the user only where nothing else can be known. A vendor or an item is one user's
-- alone, and a planner without statistics takes any index that begins with a column it is given: it
-- would read all that the user has for each line.

-- Where they are already they stay: @pg_trgm@ is the schema that has it.
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA weir;   -- similarity of descriptions
CREATE EXTENSION IF NOT EXISTS btree_gin SCHEMA weir; -- ... of one user

CREATE TABLE weir.vendors (
	user_id    text COLLATE "C" NOT NULL,
	vendor_id  bigint GENERATED ALWAYS AS IDENTITY,
	vendor_key text COLLATE "C" NOT NULL, -- weir.text_key() of the name
	name       text NOT NULL,             -- as it was first written
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (vendor_id),
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
	PRIMARY KEY (item_id),
	UNIQUE (item_key, base_unit, user_id)
) WITH (fillfactor = 50); -- room for each row's next version, so that no index is touched by it

-- Its first column is an expression that no other index has, so that there is one way to search. No
-- pending list, which every search would have to read.
CREATE INDEX items_alike ON weir.inventory_items
	USING gin ((base_unit || ' ' || user_id), item_key @pg_trgm@.gin_trgm_ops) WITH (fastupdate = off);

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
	PRIMARY KEY (mapping_id)
);

CREATE UNIQUE INDEX mappings_by_description ON weir.vendor_item_mappings
	(vendor_id, item_key, base_unit) WHERE item_number = '';
-- The first that a vendor called so.
CREATE INDEX mappings_of_description ON weir.vendor_item_mappings
	(vendor_id, item_key, base_unit, mapping_id);
CREATE INDEX mappings_to_review ON weir.vendor_item_mappings (user_id, mapping_id) WHERE needs_review;

-- One row a line of an invoice. total_cost is what was billed; the cost of a base unit is derived from
-- the price, never the reverse.
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
	PRIMARY KEY (invoice_id, line, user_id)
);

CREATE INDEX transactions_of_item ON weir.inventory_transactions (item_id);

-- One row a purchase (of more than nothing). What came before it is the same vendor's newest earlier
-- price of that item in that currency, whatever the order in which invoices arrive; compared by base
-- unit.
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
	PRIMARY KEY (invoice_id, line, user_id)
) WITH (fillfactor = 80);

CREATE INDEX prices_in_time ON weir.price_history
	(item_id, vendor_id, currency, invoice_date, invoice_id, line);

-- ---- what is passed on while a flush is booked ----

CREATE TYPE weir.invoice_line AS (
	pos            integer, -- of the invoice, in what the plugin was given
	user_id        text COLLATE "C",
	invoice_id     text COLLATE "C",
	vendor_name    text,
	vendor_key     text COLLATE "C",
	invoice_number text,
	invoice_date   date,
	currency       text COLLATE "C",
	fuzzy_auto     real,
	fuzzy_review   real,
	line           integer,
	item_number    text COLLATE "C",
	description    text,
	category       text,
	quantity       numeric,
	unit_price     numeric,
	credit         boolean,
	pack_size      text,
	pack_units     numeric,
	base_unit      text COLLATE "C"
);

-- What a line was found to be; an array of these goes along with the array of lines.
CREATE TYPE weir.line_match AS (
	vendor_id   bigint,
	mapping_id  bigint, -- NULL: not known yet
	item_id     bigint,
	match       text,
	doubtful    boolean, -- the mapping needs review
	error       text     -- why the database refused it
);

-- A transaction that was new, for what follows from it.
CREATE TYPE weir.booked_line AS (
	user_id         text COLLATE "C",
	item_id         bigint,
	vendor_id       bigint,
	currency        text COLLATE "C",
	invoice_date    date,
	invoice_id      text COLLATE "C",
	line            integer,
	price           numeric,
	pack_units      numeric,
	quantity_change numeric,
	is_purchase     boolean
);
