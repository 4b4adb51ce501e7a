/* A shared object that is no plugin. */
int no_entry(void);

int no_entry(void) { return 0; }
