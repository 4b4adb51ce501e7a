/* First bytes. Sources: the formats' own specifications, as collected in magic(5) of file(1) and in
 * Wikipedia, "List of file signatures". */
#include "magic.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "weir/utf8.h"

#define UTF16(order)                                                                               \
	"save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\"), or: iconv -f UTF-16" order            \
	" -t UTF-8 FILE"
#define UTF32(order) "save it as UTF-8, or: iconv -f UTF-32" order " -t UTF-8 FILE"
#define SHEET "save the sheet as \"CSV UTF-8\" and give that"
#define EXPORT "export it as CSV or JSON Lines and give that"
#define PACK "unpack it first (gzip and zstd are read)"

/* When the bytes mean it: always; where records are wanted, since a document may begin so; if what
 * stands behind them is no text, since the bytes alone are letters. */
enum { ALWAYS, RECORDS, BINARY };

static const struct magic {
	size_t offset;
	const char *bytes;
	size_t size;
	const char *what, *advice;
	int when;
} magics[] = {
#define BYTES(text) text, sizeof(text) - 1
	{0, BYTES("\x1F\x8B\x08"), "gzip within gzip", "unpack it once: gunzip FILE", ALWAYS},
	{0, BYTES("\x28\xB5\x2F\xFD"), "zstd data that was packed twice",
	 "unpack it once: unzstd FILE", ALWAYS},
	{0, BYTES("PK\5\6"), "an empty zip archive", "unzip it first", BINARY},
	{0, BYTES("PK\7\x8"), "a part of a zip archive", "unzip it first", BINARY},
	{0, BYTES("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"),
	 "an Excel workbook of the old kind (.xls), or one with a password", SHEET, ALWAYS},
	{0, BYTES("\x09\x08\x10\x00\x00\x06\x05\x00"), "an Excel workbook of the old kind (.xls)",
	 SHEET, ALWAYS},
	{0, BYTES("7z\xBC\xAF\x27\x1C"), "a 7z archive", "unpack it first: 7z x FILE", ALWAYS},
	{0, BYTES("BZh"), "bzip2 data", "unpack it first: bunzip2 FILE (gzip and zstd are read)",
	 BINARY},
	{0,
	 BYTES("\xFD"
	       "7zXZ\0"),
	 "xz data", "unpack it first: unxz FILE (gzip and zstd are read)", ALWAYS},
	{0, BYTES("\x5D\x00\x00"), "lzma data", "unpack it first: unlzma FILE", ALWAYS},
	{0, BYTES("LZIP"), "lzip data", "unpack it first: lzip -d FILE", BINARY},
	{0, BYTES("\x04\x22\x4D\x18"), "lz4 data", "unpack it first: unlz4 FILE", ALWAYS},
	{0, BYTES("\xFF\x06\x00\x00sNaPpY"), "snappy data", "unpack it first", ALWAYS},
	{0, BYTES("\x1F\x9D"), "data of compress (.Z)", "unpack it first: uncompress FILE", ALWAYS},
	{0, BYTES("\x78\x01"), "zlib data", PACK, BINARY},
	{0, BYTES("\x78\x9C"), "zlib data", PACK, BINARY},
	{0, BYTES("\x78\xDA"), "zlib data", PACK, BINARY},
	{0, BYTES("\x37\xA4\x30\xEC"), "a dictionary of zstd", "give the data", ALWAYS},
	{0, BYTES("Rar!\x1A\x07"), "a rar archive", "unpack it first", BINARY},
	{257, BYTES("ustar"), "a tar archive", "unpack it first (tar xf FILE) and give the files",
	 BINARY},
	{0, BYTES("PAR1"), "a Parquet file", EXPORT, BINARY},
	{0, BYTES("PARE"), "an encrypted Parquet file", EXPORT, BINARY},
	{0, BYTES("ORC"), "an ORC file", EXPORT, BINARY},
	{0, BYTES("Obj\x01"), "an Avro file", EXPORT, BINARY},
	{0, BYTES("ARROW1"), "an Arrow or Feather file", EXPORT, BINARY},
	{0, BYTES("FEA1"), "a Feather file", EXPORT, BINARY},
	{0, BYTES("\x89HDF\r\n\x1A\n"), "an HDF5 file", EXPORT, ALWAYS},
	{0, BYTES("SQLite format 3\0"), "an SQLite database", EXPORT, ALWAYS},
	{0, BYTES("PGDMP"), "a dump of PostgreSQL", EXPORT, BINARY},
	{0, BYTES("\x80\x04\x95"), "a pickle of Python", EXPORT, ALWAYS},
	{0, BYTES("\x80\x05\x95"), "a pickle of Python", EXPORT, ALWAYS},
	{0, BYTES("\x93NUMPY"), "an array of NumPy", EXPORT, ALWAYS},
	{0, BYTES("%PDF-"), "a PDF", "take its text out first: pdftotext FILE", ALWAYS},
	{0, BYTES("{\\rtf"), "an RTF document", "save it as plain text in UTF-8", ALWAYS},
	{0, BYTES("\x89PNG\r\n\x1A\n"), "a picture (PNG)", "give text", ALWAYS},
	{0, BYTES("\xFF\xD8\xFF"), "a picture (JPEG)", "give text", ALWAYS},
	{0, BYTES("GIF8"), "a picture (GIF)", "give text", BINARY},
	{0,
	 BYTES("\x7F"
	       "ELF"),
	 "a program", "give text", ALWAYS},
	{0, BYTES("\xFF\xFE\0\0"), "UTF-32", UTF32(""), ALWAYS},
	{0, BYTES("\0\0\xFE\xFF"), "UTF-32", UTF32(""), ALWAYS},
	{0, BYTES("\xFF\xFE"), "UTF-16", UTF16(""), ALWAYS},
	{0, BYTES("\xFE\xFF"), "UTF-16", UTF16(""), ALWAYS},
	{0, BYTES("version https://git-lfs"), "a pointer of Git LFS and not the file",
	 "fetch it: git lfs pull", ALWAYS},
	{0, BYTES("%YAML"), "YAML", "give JSON, JSON Lines or CSV", RECORDS},
	{0, BYTES("--\n-- PostgreSQL"), "a dump of PostgreSQL", EXPORT, RECORDS},
	{0, BYTES("-- MySQL dump"), "a dump of MySQL", EXPORT, RECORDS},
	{0, BYTES("-- MariaDB dump"), "a dump of MariaDB", EXPORT, RECORDS},
	{0, BYTES("/*M!999999"), "a dump of MariaDB", EXPORT, RECORDS},
	{0, BYTES("-- phpMyAdmin SQL"), "a dump of MySQL", EXPORT, RECORDS},
	{0, BYTES("PRAGMA foreign_keys"), "a dump of SQLite", EXPORT, RECORDS},
	{0, BYTES("BEGIN TRANSACTION;"), "a dump of a database", EXPORT, RECORDS},
	{0, BYTES("CREATE TABLE "), "SQL", EXPORT, RECORDS},
	{0, BYTES("INSERT INTO "), "SQL", EXPORT, RECORDS},
#undef BYTES
};

static int refuse(const char *what, const char *advice, struct weir_error *err)
{
	return weir_fail(err, "not_readable", "that is %s: %s", what, advice);
}

static bool holds(const char *data, size_t size, const char *word)
{
	return memmem(data, size, word, strlen(word)) != NULL;
}

/* A zip is what its first members say. */
static int check_zip(const char *data, size_t size, struct weir_error *err)
{
	if (size < 4 || memcmp(data, "PK\3\4", 4) != 0)
		return 0;
	if (holds(data, size, "opendocument.spreadsheet"))
		return refuse("a spreadsheet of LibreOffice (.ods)", SHEET, err);
	if (holds(data, size, "opendocument"))
		return refuse("a document of LibreOffice", "save it as plain text in UTF-8", err);
	if (holds(data, size, "word/"))
		return refuse("a Word document (.docx)", "save it as plain text in UTF-8", err);
	if (holds(data, size, "xl/") || holds(data, size, "[Content_Types].xml") ||
	    holds(data, size, "_rels/.rels"))
		return refuse("an Excel workbook (.xlsx)", SHEET, err);
	return refuse("a zip archive", "unzip it first and give the files", err);
}

/* The low halves of line ends and commas in a text of other letters: zeros at every second byte
 * alone, in what is no UTF-8. */
static int check_zeros(const char *data, size_t size, struct weir_error *err)
{
	size_t zeros[2] = {0, 0};
	for (size_t i = 0; i < size; i++)
		zeros[i % 2] += data[i] == '\0';
	if (zeros[0] + zeros[1] < 2 || (zeros[0] && zeros[1]) || utf8_valid(data, size) + 4 > size)
		return 0;
	return refuse("UTF-16", zeros[1] ? UTF16("LE") : UTF16("BE"), err);
}

/* Without a byte order mark: the first characters of JSON and CSV are ASCII. */
static int check_wide(const char *data, size_t size, struct weir_error *err)
{
	bool zero[4];
	if (size < 4)
		return 0;
	for (size_t i = 0; i < 4; i++)
		zero[i] = data[i] == '\0';
	if (!zero[0] && zero[1] && zero[2] && zero[3])
		return refuse("UTF-32", UTF32("LE"), err);
	if (zero[0] && zero[1] && zero[2] && !zero[3])
		return refuse("UTF-32", UTF32("BE"), err);
	if (!zero[0] && zero[1] && !zero[2] && zero[3])
		return refuse("UTF-16", UTF16("LE"), err);
	if (zero[0] && !zero[1] && zero[2] && !zero[3])
		return refuse("UTF-16", UTF16("BE"), err);
	return check_zeros(data, size, err);
}

static bool begins(const char *c, const char *end, const char *word)
{
	size_t n = strlen(word);
	return (size_t)(end - c) >= n && strncasecmp(c, word, n) == 0;
}

/* ---- text ---- */

/* Over a byte order mark, blanks and comments: what says something. */
static const char *skip_aside(const char *c, const char *end)
{
	const char *over;
	if (end - c >= 3 && memcmp(c, "\xEF\xBB\xBF", 3) == 0)
		c += 3;
	for (;;) {
		while (c < end && isspace((unsigned char)*c))
			c++;
		over = begins(c, end, "<!--") ? memmem(c, (size_t)(end - c), "-->", 3) : NULL;
		if (!over)
			return c;
		c = over + 3;
	}
}

enum page { NO_PAGE, HTML_PAGE, XML_PAGE };

/* What a page of HTML or a document of XML begins with, and Markdown with HTML in it does not. */
static enum page page_of(const char *c, const char *end)
{
	static const struct {
		const char *begins;
		enum page is;
	} pages[] = {{"<!doctype html", HTML_PAGE},
		     {"<html", HTML_PAGE},
		     {"<head", HTML_PAGE},
		     {"<body", HTML_PAGE},
		     {"<?xml", XML_PAGE},
		     {"<!doctype", XML_PAGE},
		     {"<rss", XML_PAGE},
		     {"<feed", XML_PAGE},
		     {"<urlset", XML_PAGE},
		     {"<opml", XML_PAGE}};
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
		const char *behind = c + strlen(pages[i].begins);
		if (!begins(c, end, pages[i].begins) ||
		    (behind < end && !strchr(" \t\r\n/>", *behind)))
			continue;
		return holds(c, (size_t)(end - c), "<html") ? HTML_PAGE : pages[i].is;
	}
	return NO_PAGE;
}

/* Its first key tells. Source: nbformat 4, whose writers sort keys; Colab puts nbformat first. */
static bool is_notebook(const char *c, const char *end)
{
	if (c == end || *c != '{')
		return false;
	for (c++; c < end && isspace((unsigned char)*c); c++)
		;
	return (begins(c, end, "\"cells\"") || begins(c, end, "\"nbformat\"")) &&
	       (holds(c, (size_t)(end - c), "\"cell_type\"") ||
		holds(c, (size_t)(end - c), "\"nbformat_minor\""));
}

static int check_document(const char *c, const char *end, struct weir_error *err)
{
	enum page page = page_of(c, end);
	if (page == HTML_PAGE)
		return refuse("a page of HTML and no Markdown document",
			      "pandoc -f html -t markdown FILE", err);
	if (page == XML_PAGE)
		return refuse("XML and no Markdown document", "give its text as Markdown", err);
	return 0;
}

static int check_records(const char *c, const char *end, struct weir_error *err)
{
	enum page page = page_of(c, end);
	if (begins(c, end, "---\n") || begins(c, end, "---\r") || begins(c, end, "--- "))
		return refuse("YAML, or a Markdown document with front matter",
			      "give JSON, JSON Lines or CSV; a document is --format markdown", err);
	if (begins(c, end, "<?xml") && holds(c, (size_t)(end - c), "Workbook"))
		return refuse("an Excel workbook as XML", SHEET, err);
	if (page == HTML_PAGE || begins(c, end, "<table"))
		return refuse("HTML (a page that says why there is no file? or a sheet that was "
			      "exported as HTML)",
			      "give JSON, JSON Lines or CSV", err);
	if (page == XML_PAGE)
		return refuse("XML", "give JSON, JSON Lines or CSV", err);
	if (end - c >= 2 && *c == '<' && (isalpha((unsigned char)c[1]) || c[1] == '!'))
		return refuse("XML or HTML", "give JSON, JSON Lines or CSV", err);
	return 0;
}

/* Text that holds none of what is wanted. */
static int check_text(const char *data, size_t size, bool of_records, struct weir_error *err)
{
	const char *end = data + size, *c = skip_aside(data, end);
	if (is_notebook(c, end))
		return refuse("a notebook of Jupyter", "jupyter nbconvert --to markdown FILE", err);
	return of_records ? check_records(c, end, err) : check_document(c, end, err);
}

static bool is_text(const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)data[i] < ' ' && (!data[i] || !strchr("\t\r\n\f", data[i])))
			return false;
	return utf8_valid(data, size) + 4 > size; /* the last character may be cut */
}

static bool counts(const struct magic *m, const char *data, size_t size, bool of_records)
{
	return m->when == ALWAYS || (m->when == RECORDS ? of_records : !is_text(data, size));
}

int magic_check(const char *data, size_t size, bool of_records, struct weir_error *err)
{
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
		const struct magic *m = &magics[i];
		if (size >= m->offset + m->size &&
		    memcmp(data + m->offset, m->bytes, m->size) == 0 &&
		    counts(m, data, size, of_records))
			return refuse(m->what, m->advice, err);
	}
	if (check_zip(data, size, err) < 0 || check_wide(data, size, err) < 0)
		return -1;
	return check_text(data, size, of_records, err);
}
