/* The models, their servers, and the templates. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "doctor.h"
#include "weir/clock.h"
#include "weir/llm.h"
#include "weir/names.h"
#include "weir/pace.h"

/* A fault a line. */
static void tell_faults(struct doctor *d, const char *advice, char *faults,
			const struct weir_error *why)
{
	char *rest = faults, *line;
	if (!faults)
		doctor_tell(d, LEVEL_FAIL, advice, "%s", why->text);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			doctor_tell(d, LEVEL_FAIL, advice, "%s", line);
	free(faults);
}

static void tell_hold(struct doctor *d, const struct model *m, int64_t ms)
{
	time_t until = (time_t)(clock_wall_us() / 1000000 + ms / 1000);
	char advice[MODEL_NAME_MAX + NAMES_MAX + 128], clock[32] = "";
	struct tm t;
	if (gmtime_r(&until, &t))
		strftime(clock, sizeof clock, "%Y-%m-%d %H:%M:%S", &t);
	snprintf(advice, sizeof advice,
		 "it goes on by itself; DEL '%s:{model:%s}:hold' in Redis lets it go on at once",
		 names_of_ledger(), m->name);
	doctor_tell(d, LEVEL_WARN, advice,
		    "%s: it is not asked before %s UTC, as its provider wants it", m->name, clock);
}

/* What all processes know of a limit that was reached. */
static void tell_holds(struct doctor *d, const struct models *m)
{
	struct weir_error ignored;
	struct pace *pace = NULL;
	if (!d->settings->redis_url ||
	    pace_open(d->settings->redis_url, DOCTOR_REDIS_MS, "doctor", &pace, &ignored) < 0)
		return;
	for (size_t i = 0; i < models_count(m); i++) {
		const struct model *model = models_at(m, i);
		int64_t ms = model->provider == PROVIDER_LOCAL ? 0 : pace_held_ms(pace, model);
		if (ms > 0)
			tell_hold(d, model, ms);
	}
	pace_close(pace);
}

static void tell_models(struct doctor *d, const struct models *m)
{
	struct weir_error why;
	size_t n = models_count(m);
	struct model_finding *found = calloc(n, sizeof *found);
	int rc = found ? model_check(m, found, &why) : weir_fail_memory(&why);
	if (rc < 0)
		doctor_tell(d, LEVEL_WARN, "", "the servers of models could not be asked: %s",
			    why.text);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		const struct model *model = models_at(m, i);
		if (model->provider == PROVIDER_LOCAL)
			doctor_tell(d, LEVEL_OK, "", "%s: by the plugins themselves", model->name);
		else
			doctor_tell(d, found[i].level, found[i].advice, "%s", found[i].text);
	}
	free(found);
}

void doctor_check_models(struct doctor *d)
{
	struct models *m;
	struct weir_error why;
	char *faults;
	if (models_open(d->settings->models, true, &m, &faults, &why) < 0) {
		tell_faults(d, "mend the file that --models names", faults, &why);
		return;
	}
	tell_models(d, m);
	tell_holds(d, m);
	models_close(m);
}

void doctor_check_templates(struct doctor *d)
{
	struct templates *t;
	struct weir_error why;
	char *faults;
	if (templates_open(d->settings->templates, &t, &faults, &why) < 0) {
		tell_faults(d, "mend the file, in the folder that --templates names", faults, &why);
		return;
	}
	for (size_t i = 0; i < templates_count(t); i++) {
		const struct template *one = templates_at(t, i);
		const char *file = template_file(one);
		doctor_tell(d, LEVEL_OK, "", "%s: %s (%s)", template_name(one),
			    template_description(one), file ? file : "built in");
	}
	templates_close(t);
}
