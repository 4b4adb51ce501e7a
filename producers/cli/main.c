/* weir: the command line. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "weir/process.h"

static const struct command *const commands[] = {
	&command_init,	  &command_kinds,  &command_submit,    &command_status,
	&command_watch,	  &command_report, &command_results,   &command_pause,
	&command_resume,  &command_cancel, &command_retry,     &command_dead,
	&command_invoice, &command_purge,  &command_reconcile, &command_doctor,
};

#define COMMANDS (sizeof commands / sizeof *commands)

volatile sig_atomic_t command_stop;

static void on_signal(int number)
{
	command_stop = command_stop + 1;
	if (command_stop > 1) /* asked twice: at once, whatever we are reading */
		_exit(128 + number);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static void print_overview(FILE *out)
{
	fprintf(out, "weir runs large batches of work over a fleet and never loses count.\n\n"
		     "Usage: weir COMMAND [arguments] [options]\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out,
		"\n`weir COMMAND --help` tells more. A first round:\n\n"
		"  weir init                                    tables, exchanges and queues\n"
		"  weir-relay & weir-consumer sentiment &       the workers\n"
		"  weir submit sentiment items.jsonl --job first \\\n"
		"      --context model_key=sentiment --context ai_model=local\n"
		"  weir watch first\n"
		"  weir report first\n\n"
		"The servers are named by WEIR_PG_URL, WEIR_AMQP_URL and WEIR_REDIS_URL, or by\n"
		"files whose names are in WEIR_PG_URL_FILE and so on.\n\n"
		"Exit status: 0 done, 1 failed, 2 usage, 3 the job ended with failed items, 4 it\n"
		"has not ended (submit --wait: it is paused, or --timeout is over), 130\n"
		"interrupted while watching or following.\n");
}

static void print_help(const struct command *c, const struct option_group *groups, size_t n)
{
	printf("Usage: weir %s %s[options]\n\n%s\n", c->name, c->arguments, c->help);
	options_help(groups, n, stdout);
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static enum command_status fail(const struct weir_error *err, enum command_status status)
{
	command_complain(err);
	return status;
}

static int check_count(const struct command *c, int n, struct weir_error *err)
{
	if (n >= c->least && n <= c->most)
		return 0;
	return weir_fail(err, "usage", "usage: weir %s %s[options] (see weir %s --help)", c->name,
			 c->arguments, c->name);
}

static enum command_status run(const struct command *c, int argc, char **argv)
{
	struct settings settings = {0};
	struct weir_error err = {"", ""};
	enum command_status status = COMMAND_USAGE;
	void *config = calloc(1, c->config_size ? c->config_size : 1);
	int plain = 0;
	if (!config) {
		weir_fail_memory(&err);
		return fail(&err, COMMAND_FAILED);
	}
	struct option_group groups[] = {
		{.title = "Options",
		 .rows = c->options,
		 .config = config,
		 .no_environment = c->no_environment},
		settings_group(&settings),
	};
	struct option_group *first = c->options ? groups : groups + 1;
	size_t n = c->options ? 2 : 1;
	if (wants_help(argc, argv)) {
		print_help(c, first, n);
		free(config);
		return COMMAND_DONE;
	}
	if (options_parse(first, n, argc, argv, &plain, &err) < 0) {
		free(config);
		return fail(&err, COMMAND_USAGE);
	}
	if (check_count(c, plain, &err) == 0 && settings_follow_files(&settings, &err) == 0 &&
	    settings_check(&settings, c->needs, &err) == 0)
		status = c->run(&(struct call){.settings = &settings,
					       .config = config,
					       .argc = plain,
					       .argv = argv,
					       .error = &err});
	if (status == COMMAND_FAILED || status == COMMAND_USAGE || status == COMMAND_NOT_ENDED)
		fail(&err, status);
	options_release(first, n);
	free(config);
	return status;
}

static int fail_command(const char *name)
{
	struct weir_error err;
	weir_fail(&err, "usage", "there is no command \"%.80s\" (see weir --help)", name);
	return fail(&err, COMMAND_USAGE);
}

/* name NULL: of all commands. */
static int help(const char *name)
{
	char option[] = "--help", *argv[] = {option};
	const struct command *c = name ? find_command(name) : NULL;
	if (name && !c)
		return fail_command(name);
	if (c)
		return run(c, 1, argv);
	print_overview(stdout);
	return COMMAND_DONE;
}

static int run_program(int argc, char **argv)
{
	if (argc < 2) {
		print_overview(stderr);
		return COMMAND_USAGE;
	}
	if (wants_help(1, argv + 1) || strcmp(argv[1], "help") == 0)
		return help(argc > 2 ? argv[2] : NULL);
	if (strcmp(argv[1], "--version") == 0) {
		printf("weir %s\n", WEIR_VERSION);
		return COMMAND_DONE;
	}
	const struct command *c = find_command(argv[1]);
	if (!c)
		return fail_command(argv[1]);
	process_on_stop(on_signal);
	return (int)run(c, argc - 2, argv + 2);
}

int main(int argc, char **argv)
{
	process_guard();
	return process_end_output("weir", run_program(argc, argv));
}
