#include "lines.h"
void add_invoices_fixture_suite(void);
void add_invoices_fixture_suite(void) {}
