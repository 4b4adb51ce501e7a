#include "markup.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistr.h>

#include "entities.h"

enum { NAME_MAX_SIZE = 24 };

static bool is_digit(unsigned char c) { return (unsigned char)(c - '0') < 10; }

static bool is_letter(unsigned char c) { return (unsigned char)((c | 0x20) - 'a') < 26; }

static size_t left(const struct cursor *cursor) { return (size_t)(cursor->end - cursor->at); }

/* Whether `text` (in lower case) stands at the cursor, in any case. */
static bool stands(const struct cursor *cursor, const char *text)
{
	size_t size = strlen(text);
	if (left(cursor) < size)
		return false;
	for (size_t i = 0; i < size; i++) {
		unsigned char c = cursor->at[i];
		if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != (unsigned char)text[i])
			return false;
	}
	return true;
}

/* ---- entities ---- */

static const struct entity *find_entity(const unsigned char *name, size_t size)
{
	size_t low = 0, high = sizeof(entities) / sizeof(*entities);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strncmp(entities[middle].name, (const char *)name, size);
		if (order == 0 && entities[middle].name[size] == '\0')
			return &entities[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Names that browsers know without a semicolon, as far as people leave it out. */
static size_t bare_entity(const struct cursor *cursor, uint32_t *character)
{
	static const struct entity bare[] = {
		{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"nbsp", 0xa0}};
	for (size_t i = 0; i < sizeof(bare) / sizeof(*bare); i++) {
		size_t size = strlen(bare[i].name);
		if (stands(cursor, bare[i].name) &&
		    (left(cursor) == size ||
		     (!is_letter(cursor->at[size]) && !is_digit(cursor->at[size])))) {
			*character = bare[i].character;
			return size;
		}
	}
	return 0;
}

/* "rsquo;" behind an ampersand: how many bytes it takes, or 0. */
static size_t named_entity(const struct cursor *cursor, uint32_t *character)
{
	size_t size = 0;
	const struct entity *found;
	while (size < NAME_MAX_SIZE && size < left(cursor) &&
	       (is_letter(cursor->at[size]) || is_digit(cursor->at[size])))
		size++;
	if (size == 0 || size == left(cursor) || cursor->at[size] != ';')
		return bare_entity(cursor, character);
	found = find_entity(cursor->at, size);
	if (!found)
		return 0;
	*character = found->character;
	return size + 1;
}

static int digit_value(unsigned char c, bool hex)
{
	if (is_digit(c))
		return c - '0';
	return hex && (unsigned char)((c | 0x20) - 'a') < 6 ? (c | 0x20) - 'a' + 10 : -1;
}

/* "#8217;" or "#x2019;" behind an ampersand, with or without the semicolon. */
static size_t numbered_entity(const struct cursor *cursor, uint32_t *character)
{
	bool hex = stands(cursor, "#x");
	size_t start = hex ? 2 : 1, size = start;
	uint32_t value = 0;
	int digit;
	while (size < left(cursor) && (digit = digit_value(cursor->at[size], hex)) >= 0) {
		value = value * (hex ? 16 : 10) + (uint32_t)digit;
		if (value >= NO_CHARACTER)
			value = NO_CHARACTER;
		size++;
	}
	if (size == start)
		return 0;
	*character = value;
	return size < left(cursor) && cursor->at[size] == ';' ? size + 1 : size;
}

static size_t read_entity(const struct cursor *cursor, uint32_t *character)
{
	return stands(cursor, "#") ? numbered_entity(cursor, character)
				   : named_entity(cursor, character);
}

/* The cursor is behind an ampersand. One that was encoded as an entity may begin another one. */
static uint32_t after_ampersand(struct cursor *cursor)
{
	uint32_t character = '&';
	size_t size;
	while (character == '&' && (size = read_entity(cursor, &character)) > 0)
		cursor->at += size;
	return character;
}

uint32_t next_character(struct cursor *cursor)
{
	ucs4_t character;
	int size;
	if (*cursor->at < 0x80)
		return *cursor->at++ == '&' ? after_ampersand(cursor) : cursor->at[-1];
	size = u8_mbtoucr(&character, cursor->at, left(cursor));
	if (size <= 0)
		return NO_CHARACTER + *cursor->at++;
	cursor->at += size;
	return character;
}

/* ---- tags ---- */

/* Elements of HTML, those of old times among them. Source: HTML Living Standard, index of elements,
 * and 16.2 Non-conforming features. */
static const char inline_names[] =
	" a abbr acronym applet area audio b base bdi bdo big blink button canvas cite code data"
	" datalist del dfn em embed font i iframe img input ins kbd label link map mark marquee "
	"meta"
	" meter nobr noscript object output param picture progress q rp rt ruby s samp script "
	"select"
	" small source span strike strong style sub sup svg template textarea time track tt u var"
	" video ";
static const char block_names[] =
	" address article aside blockquote body caption center col colgroup dd details dialog dir"
	" div dl dt fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head"
	" header hgroup hr html legend li main menu nav ol optgroup option p pre section summary"
	" table tbody td tfoot th thead title tr ul ";

struct name {
	char text[NAME_MAX_SIZE + 3]; /* between blanks */
	size_t size;
	bool qualified; /* has a colon or a hyphen in it */
};

/* Read the name of a tag; the character behind it is returned. */
static uint32_t read_name(struct cursor *cursor, struct name *name)
{
	uint32_t c = 0;
	*name = (struct name){.text = " ", .size = 1};
	while (cursor->at < cursor->end) {
		c = next_character(cursor);
		bool joint = name->size > 1 && (c == ':' || c == '-');
		if (c >= 0x80 || name->size > NAME_MAX_SIZE ||
		    !(is_letter((unsigned char)c) || is_digit((unsigned char)c) || joint))
			break;
		name->qualified |= joint;
		name->text[name->size++] = (char)(is_letter((unsigned char)c) ? c | 0x20 : c);
	}
	name->text[name->size++] = ' ';
	name->text[name->size] = '\0';
	return c;
}

static enum markup kind_of(const struct name *name)
{
	if (name->size < 3 || !is_letter((unsigned char)name->text[1]))
		return MARKUP_NONE;
	if (!strcmp(name->text, " br "))
		return MARKUP_LINE;
	if (!strcmp(name->text, " wbr "))
		return MARKUP_NOTHING;
	if (strstr(block_names, name->text))
		return MARKUP_BLOCK;
	return name->qualified || strstr(inline_names, name->text) ? MARKUP_SPACE : MARKUP_NONE;
}

/* From behind a name on, whose last character is `c`, to behind the ">". */
static bool skip_attributes(struct cursor *cursor, uint32_t c)
{
	uint32_t quote = 0;
	while (c != '>' || quote) {
		if (quote ? c == quote : c == '"' || c == '\'')
			quote = quote ? 0 : c;
		if ((c == '<' && !quote) || cursor->at == cursor->end)
			return false;
		c = next_character(cursor);
	}
	return true;
}

/* To behind the next one of that kind; false if there is none. Each stretch is searched once. */
static bool skip_through(struct cursor *cursor, enum closing closing)
{
	static const char *const texts[] = {[CLOSING_COMMENT] = "-->",
					    [CLOSING_DECLARATION] = ">",
					    [CLOSING_SCRIPT] = "</script>",
					    [CLOSING_STYLE] = "</style>"};
	const unsigned char *from = cursor->searched[closing].from;
	const unsigned char *to = cursor->searched[closing].to, *at = cursor->at;
	size_t size = strlen(texts[closing]);
	if (from && at >= from && at < to)
		at = to;
	while ((at = memchr(at, '>', (size_t)(cursor->end - at)))) {
		at++;
		if ((size_t)(at - cursor->at) < size)
			continue;
		if (stands(&(struct cursor){.at = at - size, .end = cursor->end}, texts[closing])) {
			cursor->at = at;
			return true;
		}
	}
	cursor->searched[closing].from = cursor->at;
	cursor->searched[closing].to = cursor->end;
	return false;
}

/* "<!-- ... -->", "<!DOCTYPE html>", "<?xml ... ?>"; "<![CDATA[" goes, its text stays. */
static enum markup skip_declaration(struct cursor *cursor)
{
	static const char cdata[] = "![cdata[";
	if (stands(cursor, cdata)) {
		cursor->at += strlen(cdata);
		return MARKUP_SPACE;
	}
	if (stands(cursor, "!--"))
		return skip_through(cursor, CLOSING_COMMENT) ? MARKUP_SPACE : MARKUP_NONE;
	if (stands(cursor, "!doctype") || stands(cursor, "?xml"))
		return skip_through(cursor, CLOSING_DECLARATION) ? MARKUP_BLOCK : MARKUP_NONE;
	return MARKUP_NONE;
}

static enum markup skip_tag(struct cursor *cursor)
{
	struct name name;
	bool closing = *cursor->at == '/';
	uint32_t c;
	enum markup kind;
	cursor->at += closing;
	c = read_name(cursor, &name);
	kind = kind_of(&name);
	if (kind == MARKUP_NONE ||
	    !(c == '>' || c == '/' || c == ' ' || (c >= '\t' && c <= '\r')) ||
	    !skip_attributes(cursor, c))
		return MARKUP_NONE;
	if (!closing && !strcmp(name.text, " script "))
		skip_through(cursor, CLOSING_SCRIPT);
	if (!closing && !strcmp(name.text, " style "))
		skip_through(cursor, CLOSING_STYLE);
	return kind;
}

enum markup skip_markup(struct cursor *cursor)
{
	struct cursor ahead = *cursor;
	enum markup kind;
	if (left(cursor) == 0)
		return MARKUP_NONE;
	if (left(cursor) > MARKUP_MAX)
		ahead.end = ahead.at + MARKUP_MAX;
	kind = *ahead.at == '!' || *ahead.at == '?' ? skip_declaration(&ahead) : skip_tag(&ahead);
	memcpy(cursor->searched, ahead.searched, sizeof(cursor->searched));
	if (kind != MARKUP_NONE)
		cursor->at = ahead.at;
	return kind;
}
