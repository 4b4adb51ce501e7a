-- How a line of an invoice finds its inventory item (in place of what 040 had for it).
--
-- A wrong join is the worst that can come of it: two things have one quantity and one price, and
-- nobody is told. A wrong split costs a review. So a line joins an item by itself only where nothing
-- speaks against it, and is flagged otherwise, with the reason and the candidates:
--
--  * an item number counts only for descriptions that its vendor may have written of one thing;
--  * a vendor that gives two numbers says that these are two things;
--  * descriptions are compared word by word. Where each has its twin on the other side, they are one
--    thing. Where one has none, they are two: such a line makes an item of its own;
--  * words in another order are one thing where what names it stands together in both, and only words
--    that describe it have moved ("Frozen sliced strawberries"), or where commas say what was turned
--    ("Beans, green"). Else a word may have come to describe another one: "Fried chicken rice".

ALTER TABLE weir.vendor_item_mappings ADD COLUMN reason text; -- why a person is to look at it

-- A number that was used again leads to several items.
DROP INDEX IF EXISTS weir.mappings_by_number;
CREATE UNIQUE INDEX mappings_by_number ON weir.vendor_item_mappings
	(vendor_id, item_number, base_unit, item_key) WHERE item_number <> '';
-- What else is called so. The vendor is not in it: while tables are empty, it would be taken for any
-- search for a vendor's mappings.
CREATE INDEX mappings_of_item ON weir.vendor_item_mappings (item_id);

DROP FUNCTION IF EXISTS weir.telling_words(text);

-- @functions@

UPDATE weir.inventory_items SET item_key = weir.item_key(description)
 WHERE item_key <> weir.item_key(description);

UPDATE weir.vendor_item_mappings SET item_key = weir.item_key(description)
 WHERE item_key <> weir.item_key(description);
