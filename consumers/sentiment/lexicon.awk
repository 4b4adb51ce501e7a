# Turn lexicon.txt into a C table on standard output: LC_ALL=C awk -f lexicon.awk lexicon.txt
#
# A row is `word<TAB>valence` or `word<TAB>number<TAB>role`. A word with spaces or hyphens is a
# phrase of two to four words. The last row of a word counts. The hash below and the one in
# analyzer.c must be the same; plain awk has no bit operations, hence the remainders.

function fail(message) {
	printf "lexicon.awk: line %d: %s\n", NR, message > "/dev/stderr"
	failed = 1
	exit 1
}

function word_id(word) {
	if (!(word in ids)) {
		ids[word] = ++words
		texts[words] = word
		if (length(word) > longest)
			longest = length(word)
	}
	return ids[word]
}

function add_phrase(parts, count,    i, key) {
	for (i = 1; i <= count; i++)
		key = key word_id(parts[i]) " "
	for (; i <= 4; i++)
		key = key "0 "
	ends[word_id(parts[count])] = 1
	if (!(key in phrase_ids)) {
		phrase_ids[key] = ++phrases
		phrase_keys[phrases] = key
	}
	phrase_rows[phrase_ids[key]] = hundredths ", " role ", " market
}

# Words that stand in phrases only have no row of their own.
function row_of(id) {
	if (id in rows)
		return rows[id]
	return texts[id] ~ /n't$/ ? rows[ids["not"]] : "0, ROLE_VALENCE, false"
}

function hash_text(text,    i, hash) {
	hash = 5381
	for (i = 1; i <= length(text); i++)
		hash = (hash * 33 + ordinal[substr(text, i, 1)]) % 4294967296
	return hash
}

# All words, one after the other; places[id] is where each begins.
function print_texts(    i, k, size) {
	printf "static const unsigned char lexicon_texts[] = {"
	for (i = 1; i <= words; i++) {
		places[i] = size + 0
		printf "\n\t"
		for (k = 1; k <= length(texts[i]); k++)
			printf "%d,", ordinal[substr(texts[i], k, 1)]
		size += length(texts[i])
	}
	if (size > 65535)
		fail("the words together are larger than an offset of 16 bits reaches")
	print "\n};\n"
}

function print_slots(type, name, slots, size,    i) {
	printf "static const %s %s[%d] = {", type, name, size
	for (i = 0; i < size; i++)
		printf "%s%.0f,", i % 16 ? " " : "\n\t", slots[i]
	print "\n};\n"
}

function place(slots, size, hash, value,    at) {
	at = hash % size
	while (slots[at])
		at = (at + 1) % size
	slots[at] = value
}

# A power of two that leaves more than half of the slots empty.
function table_size(count,    size) {
	for (size = 64; size < 2 * count; size *= 2)
		continue
	return size
}

BEGIN {
	FS = "\t"
	market = "false"
	for (i = 1; i < 256; i++)
		ordinal[sprintf("%c", i)] = i
	count = split("negate lack carry boost contrast release limit more degree swear up down lift relief " \
		"good bad imposed since to apart unit native foreign", names, " ")
	for (i = 1; i <= count; i++)
		roles[names[i]] = "ROLE_" toupper(names[i])
}

# What follows is of general opinion, or of the market and its terms.
/^#: / { market = $0 == "#: market" ? "true" : "false"; next }
/^# / || /^#?$/ { next }

{
	if (NF < 2 || NF > 3 || $2 !~ /^[-+]?[0-9]+(\.[0-9]+)?$/)
		fail("not a row of word, number, role: " $0)
	if (NF == 3 && !($3 in roles))
		fail("no such role: " $3)
	role = NF == 3 ? roles[$3] : "ROLE_VALENCE"
	hundredths = int($2 * 100 + ($2 < 0 ? -0.5 : 0.5))
	# Between letters a hyphen joins a phrase; elsewhere it is part of an emoticon.
	count = $1 ~ /[a-z0-9%'][ -][a-z0-9]/ ? split($1, parts, /[ -]/) : 1
	if (count > 4)
		fail("more than four words: " $1)
	if (count > 1)
		add_phrase(parts, count)
	else
		rows[word_id($1)] = hundredths ", " role ", " market
}

END {
	if (failed)
		exit 1
	print "/* Made from lexicon.txt by lexicon.awk; not to be edited. */\n"
	printf "enum {\n\tLEXICON_WORD_MAX = %d,\n", longest
	printf "\tLEXICON_SLOTS = %d,\n\tPHRASE_SLOTS = %d\n};\n\n",
		table_size(words), table_size(phrases)

	print_texts()
	print "static const struct lexicon_word lexicon_words[] = {"
	print "\t{ 0, 0, ROLE_VALENCE, false, false, 0 },"
	for (i = 1; i <= words; i++) {
		# The upper half of the hash stands beside the index: most misses end there.
		hash = hash_text(texts[i])
		place(slots, table_size(words), hash, int(hash / 65536) * 65536 + i)
		printf "\t{ %d, %s, %s, %d },\n", places[i], row_of(i),
			i in ends ? "true" : "false", length(texts[i])
	}
	print "};\n"
	print_slots("uint32_t", "lexicon_slots", slots, table_size(words))

	print "static const struct lexicon_phrase lexicon_phrases[] = {"
	print "\t{ { 0, 0, 0, 0 }, 0, ROLE_VALENCE, false },"
	for (i = 1; i <= phrases; i++) {
		split(phrase_keys[i], key, " ")
		hash = 0
		for (k = 1; k <= 4; k++)
			hash = (hash * 31 + key[k]) % 4294967296
		place(phrase_slots, table_size(phrases), hash, i)
		printf "\t{ { %d, %d, %d, %d }, %s },\n", key[1], key[2], key[3], key[4],
			phrase_rows[i]
	}
	print "};\n"
	print_slots("uint16_t", "phrase_slots", phrase_slots, table_size(phrases))
}
