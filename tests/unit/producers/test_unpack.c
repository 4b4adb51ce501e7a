/* What is packed is unpacked, wherever it is cut; and what is none of ours is named. */
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "../shared/failing_malloc.h"
#include "magic.h"
#include "source.h"

static struct source *s;
static struct source_record record;
static struct weir_error err;

#define LINES "{\"custom_id\":\"a\",\"t\":\"one\"}\n{\"custom_id\":\"b\",\"t\":\"two\"}\n"

static char packed[1 << 20], text[1 << 20];

static size_t gzip_of(const char *data, size_t size, char *out, size_t room)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)data,
		      .avail_in = (uInt)size,
		      .next_out = (Bytef *)out,
		      .avail_out = (uInt)room};
	CU_ASSERT_EQUAL_FATAL(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, 0), Z_OK);
	CU_ASSERT_EQUAL(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

static size_t zstd_of(const char *data, size_t size, char *out, size_t room)
{
	size_t n = ZSTD_compress(out, room, data, size, 3);
	CU_ASSERT_FATAL(!ZSTD_isError(n));
	return n;
}

typedef size_t pack(const char *data, size_t size, char *out, size_t room);

static pack *const packers[] = {gzip_of, zstd_of};

/* How many records are in it, until `last`. */
static int read_all(const char *data, size_t size, enum source_status *last)
{
	FILE *in = fmemopen((void *)(uintptr_t)data, size, "r");
	int n = 0;
	CU_ASSERT_PTR_NOT_NULL_FATAL(in);
	s = NULL;
	*last = SOURCE_FAILED;
	if (source_jsonl.open(in, &s, &err) == 0)
		while ((*last = source_jsonl.next(s, &record, &err)) == SOURCE_RECORD)
			n++;
	source_jsonl.close(s);
	fclose(in);
	return n;
}

static void whole(void)
{
	enum source_status last;
	for (size_t i = 0; i < 2; i++) {
		size_t n = packers[i](LINES, strlen(LINES), packed, sizeof packed);
		CU_ASSERT_EQUAL(read_all(packed, n, &last), 2);
		CU_ASSERT_EQUAL(last, SOURCE_END);
		n = packers[i]("", 0, packed, sizeof packed);
		CU_ASSERT_EQUAL(read_all(packed, n, &last), 0);
		CU_ASSERT_EQUAL(last, SOURCE_END);
	}
}

/* Members that follow each other, a line in two of them, and zeros behind gzip's. */
static void joined(void)
{
	enum source_status last;
	for (size_t i = 0; i < 2; i++) {
		size_t n = packers[i](LINES, 40, packed, sizeof packed);
		n += packers[i](LINES + 40, strlen(LINES) - 40, packed + n, sizeof packed - n);
		n += packers[i]("", 0, packed + n, sizeof packed - n);
		CU_ASSERT_EQUAL(read_all(packed, n, &last), 2);
		CU_ASSERT_EQUAL(last, SOURCE_END);
		memset(packed + n, 0, 100000);
		CU_ASSERT(read_all(packed, n + 100000, &last) == 2 || i == 1);
		CU_ASSERT_EQUAL(last, i == 0 ? SOURCE_END : SOURCE_FAILED);
		memcpy(packed + n, "xyz\n", 4);
		read_all(packed, n + 4, &last);
		CU_ASSERT_EQUAL(last, SOURCE_FAILED);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "is damaged"));
	}
}

/* Wherever it is cut, that is no end. */
static void cut_off(void)
{
	enum source_status last;
	for (size_t i = 0; i < 2; i++) {
		size_t n = packers[i](LINES, strlen(LINES), packed, sizeof packed);
		for (size_t cut = 5; cut < n; cut++) {
			read_all(packed, cut, &last);
			CU_ASSERT_EQUAL(last, SOURCE_FAILED);
			CU_ASSERT_PTR_NOT_NULL(
				strstr(err.text, "is cut off: the file is not whole"));
		}
	}
}

/* gzip has a check sum: no bit may be another. */
static void damaged(void)
{
	enum source_status last;
	size_t n = gzip_of(LINES, strlen(LINES), packed, sizeof packed);
	for (size_t at = 10; at < n; at++) { /* behind its header */
		packed[at] ^= 1;
		read_all(packed, n, &last);
		CU_ASSERT_EQUAL(last, SOURCE_FAILED);
		CU_ASSERT_STRING_EQUAL(err.code, "read_failed");
		packed[at] ^= 1;
	}
}

/* A gigabyte of blanks in a megabyte: read as it comes. */
static void bombs(void)
{
	enum source_status last;
	size_t n = 0;
	memset(text, ' ', sizeof text);
	memcpy(text + sizeof text - 1, "\n", 1);
	for (int i = 0; i < 200; i++)
		n += gzip_of(text, sizeof text, packed + n, sizeof packed - n);
	n += gzip_of(LINES, strlen(LINES), packed + n, sizeof packed - n);
	CU_ASSERT_EQUAL(read_all(packed, n, &last), 2);
	CU_ASSERT_EQUAL(last, SOURCE_END);
}

static void packed_twice(void)
{
	char once[200], twice[300];
	enum source_status last;
	size_t n = gzip_of(LINES, strlen(LINES), once, sizeof once);
	read_all(twice, gzip_of(once, n, twice, sizeof twice), &last);
	CU_ASSERT_STRING_EQUAL(err.text, "that is gzip within gzip: unpack it once: gunzip FILE");
	n = zstd_of(LINES, strlen(LINES), once, sizeof once);
	read_all(twice, gzip_of(once, n, twice, sizeof twice), &last);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "zstd data that was packed twice"));
}

static void packed_csv(void)
{
	static const char csv[] = "custom_id;a\r1;x\r";
	size_t n = gzip_of(csv, strlen(csv), packed, sizeof packed);
	FILE *in = fmemopen(packed, n, "r");
	CU_ASSERT_EQUAL_FATAL(source_csv.open(in, &s, &err), 0);
	CU_ASSERT_EQUAL(source_csv.next(s, &record, &err), SOURCE_RECORD);
	CU_ASSERT_EQUAL(memcmp(record.payload.data, "{\"a\":\"x\"}", 9), 0);
	CU_ASSERT_EQUAL(source_csv.next(s, &record, &err), SOURCE_END);
	source_csv.close(s);
	fclose(in);
}

static void failing_allocations(void)
{
	for (size_t i = 0; i < 2; i++) {
		enum source_status last = SOURCE_FAILED;
		size_t n = packers[i](LINES, strlen(LINES), packed, sizeof packed);
		for (long at = 1; last != SOURCE_END && at < 1000; at++) {
			FILE *in = fmemopen(packed, n, "r");
			CU_ASSERT_PTR_NOT_NULL_FATAL(in);
			setvbuf(in, NULL, _IONBF, 0);
			s = NULL;
			last = SOURCE_FAILED;
			failing_malloc_arm(at);
			if (source_jsonl.open(in, &s, &err) == 0)
				while ((last = source_jsonl.next(s, &record, &err)) ==
				       SOURCE_RECORD)
					continue;
			failing_malloc_disarm();
			source_jsonl.close(s);
			fclose(in);
		}
		CU_ASSERT_EQUAL(last, SOURCE_END);
	}
}

/* ---- what is none of ours ---- */

static const struct {
	const char *bytes;
	size_t size;
	const char *says;
} others[] = {
#define BYTES(t) t, sizeof(t) - 1
	{BYTES("PK\3\4\x14\0\6\0\x08\0\0\0!\0\0\0\0\0\0\0\0\0\0\0\0\0\x13\0\0\0[Content_Types]."
	       "xml"),
	 "an Excel workbook (.xlsx): save the sheet as \"CSV UTF-8\""},
	{BYTES("PK\3\4\x14\0\0\0\0\0\0\0\0\0\0\0\0\0mimetypeapplication/"
	       "vnd.oasis.opendocument.spreadsheet"),
	 "LibreOffice (.ods)"},
	{BYTES("PK\3\4\x14\0\0\0\0\0\0\0items.csv"), "a zip archive: unzip it first"},
	{BYTES("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0"), "(.xls), or one with a password"},
	{BYTES("\xFF\xFE{\0\"\0"), "UTF-16: save it as UTF-8"},
	{BYTES("\xFE\xFF\0{"), "iconv -f UTF-16 -t UTF-8"},
	{BYTES("c\0u\0s\0t\0"), "iconv -f UTF-16LE -t UTF-8"},
	{BYTES("\0c\0u\0s\0t"), "iconv -f UTF-16BE -t UTF-8"},
	{BYTES("\xFF\xFE\0\0c\0\0\0"), "UTF-32"},
	{BYTES("c\0\0\0u\0\0\0"), "UTF-32"},
	{BYTES("7z\xBC\xAF\x27\x1C\0\4"), "a 7z archive"},
	{BYTES("BZh91AY&SY\x01\x02"), "bzip2 data: unpack it first: bunzip2"},
	{BYTES("\xFD"
	       "7zXZ\0\0\4"),
	 "xz data: unpack it first: unxz"},
	{BYTES("PAR1\x15\x04\x15"), "a Parquet file: export it"},
	{BYTES("%PDF-1.7\n"), "a PDF"},
	{BYTES("SQLite format 3\0\x10\0"), "an SQLite database"},
	{BYTES("Obj\x01\x04\x14"), "an Avro file"},
	{BYTES("\n<!DOCTYPE html><html>"), "HTML"},
	{BYTES("\xEF\xBB\xBF<HTML>"), "HTML"},
	{BYTES("<table><tr>"), "HTML"},
	{BYTES("<?xml version=\"1.0\"?><items>"), "that is XML"},
	{BYTES("<?xml version=\"1.0\"?><?mso-application progid=\"Excel.Sheet\"?><Workbook>"),
	 "an Excel workbook as XML"},
	{BYTES("<items><item/></items>"), "XML or HTML"},
	{BYTES("---\n- custom_id: a\n"), "YAML"},
	{BYTES("%YAML 1.2\n"), "YAML"},
	{BYTES("version https://git-lfs.github.com/spec/v1\noid"), "git lfs pull"},
	{BYTES("\x78\x9C\xAB\x56\x4A\x2E"), "zlib data: unpack it first"},
	{BYTES("\x37\xA4\x30\xEC\x01\x02"), "a dictionary of zstd"},
	/* Two lines of Chinese, and a comma. */
	{BYTES("\x07\x68\x98\x98,\0\x2F\x66\n\0\x07\x68\x98\x98,\0\x2F\x66\n\0"),
	 "iconv -f UTF-16LE -t UTF-8"},
	{BYTES("\x68\x07\x98\x98\0,\x66\x2F\0\n"), "iconv -f UTF-16BE -t UTF-8"},
	{BYTES("<!-- made by hand -->\n<?xml version=\"1.0\"?>\n<!DOCTYPE html>\n<html>"), "HTML"},
	{BYTES("--\n-- PostgreSQL database dump\n--\n"), "a dump of PostgreSQL: export it"},
	{BYTES("-- MySQL dump 10.13  Distrib 8.0\n"), "a dump of MySQL"},
	{BYTES("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"), "a dump of SQLite"},
	{BYTES("{\n \"cells\": [\n  {\n   \"cell_type\": \"markdown\""),
	 "a notebook of Jupyter: jupyter nbconvert"},
	{BYTES("{\"nbformat\":4,\"nbformat_minor\":0,\"metadata\":{}"), "a notebook of Jupyter"},
#undef BYTES
};

static void named(void)
{
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		enum source_status last;
		read_all(others[i].bytes, others[i].size, &last);
		CU_ASSERT_EQUAL(last, SOURCE_FAILED);
		CU_ASSERT_STRING_EQUAL(err.code, "not_readable");
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, others[i].says));
		if (!strstr(err.text, others[i].says))
			fprintf(stderr, "    \"%s\" has no \"%s\"\n", err.text, others[i].says);
	}
}

/* Letters that only look like it. */
static void text_is_text(void)
{
	static const char *const texts[] = {"ORCID,custom_id\n",
					    "BZh,custom_id\n",
					    "GIF89a,b\n",
					    "PAR1,custom_id\n",
					    "Caf\xC3\xA9,custom_id\n",
					    "",
					    "{",
					    "<"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		CU_ASSERT_EQUAL(magic_check(texts[i], strlen(texts[i]), true, &err), 0);
	/* Documents may begin like records that are none. */
	CU_ASSERT_EQUAL(magic_check("---\ntitle: x\n---\n", 17, false, &err), 0);
	CU_ASSERT_EQUAL(magic_check("<h1>x</h1>", 10, false, &err), 0);
	CU_ASSERT_EQUAL(magic_check("<header>x</header>", 18, false, &err), 0);
	CU_ASSERT_EQUAL(magic_check("<!-- x -->\n# T\n", 15, false, &err), 0);
	CU_ASSERT_EQUAL(magic_check("{\"cells\":1}", 11, true, &err), 0);
}

/* As a whole they are no document, whatever stands before them. */
static void no_documents(void)
{
	static const char *const texts[] = {
		"<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\">\n<html>",
		"<?xml version=\"1.0\"?>\n<html xmlns=\"http://www.w3.org/1999/xhtml\">",
		"\xEF\xBB\xBF\n<head><title>x</title></head>",
		"<!-- a\n-->\n<body>x</body>",
		"<?xml version=\"1.0\"?><rss version=\"2.0\"></rss>",
		"<!DOCTYPE article>\n<article/>",
		"<feed xmlns=\"http://www.w3.org/2005/Atom\">",
		"{\"cells\": [{\"cell_type\": \"code\"}]}"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		CU_ASSERT_EQUAL(magic_check(texts[i], strlen(texts[i]), false, &err), -1);
		CU_ASSERT_STRING_EQUAL(err.code, "not_readable");
	}
}

void add_unpack_suite(void);

void add_unpack_suite(void)
{
	CU_pSuite suite = CU_add_suite("packed input", NULL, NULL);
	CU_add_test(suite, "whole", whole);
	CU_add_test(suite, "joined", joined);
	CU_add_test(suite, "cut off", cut_off);
	CU_add_test(suite, "damaged", damaged);
	CU_add_test(suite, "bombs", bombs);
	CU_add_test(suite, "packed twice", packed_twice);
	CU_add_test(suite, "csv", packed_csv);
	CU_add_test(suite, "failing allocations", failing_allocations);
	CU_add_test(suite, "what is none of ours is named", named);
	CU_add_test(suite, "text is text", text_is_text);
	CU_add_test(suite, "what is no document", no_documents);
}
