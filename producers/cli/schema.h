/* schema.h: the files of schemas/sql, compiled in. */
#ifndef WEIR_SCHEMA_H
#define WEIR_SCHEMA_H

struct schema_file {
	int number; /* 0 closes the table */
	const char *name;
	const char *sql;
};

extern const struct schema_file schema_files[];

#endif
