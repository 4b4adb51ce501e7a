/* addresses.h: where the programs of a mixed load find PostgreSQL: in files, since its password is
 * changed while they run. */
#ifndef WEIR_FAULTS_ADDRESSES_H
#define WEIR_FAULTS_ADDRESSES_H

#include "faults.h"

/* Programs are given the first of the files from now on. */
void addresses_open(void);
/* Another database has a file of its own; it is written again with the others. */
void addresses_write(const char *database, const char *path);
/* Programs are given the first one again. */
void addresses_use(void);
/* The same server, another database. */
void address_of(const char *url, const char *database, char out[512]);

/* Gives the role a new password and ends all sessions. Until the files are written, who connects is
 * refused. */
void password_change(int pick);
void password_tell(void);
/* As it was, and the addresses where they were. */
void addresses_close(void);

#endif
