# shellcheck shell=bash disable=SC2034 # some variables are used by the scripts only
# What up, down and env share: where a stack lives, what it remembers, and
# which processes are its own.
#
# A stack is one directory:
#   state/       one small file a value: ports, passwords, places
#   run/         one file a process: pid, start time, boot
#   log/         one log a server
#   rabbitmq/    home (cookie), configuration, data
#   redis/       configuration
#   postgresql/  data, socket; elsewhere if its user cannot reach this place
#   bin/         rabbitmqctl, set up for this stack
#
# Sourced under `set -euo pipefail`.

export LC_ALL=C # EPOCHREALTIME and sort order depend on it; servers get their own

WEIR_SERVERS=(rabbitmq redis postgresql)
RABBITMQ_BIN=/usr/lib/rabbitmq/bin
# Below the range from which the kernel takes ports for outgoing connections
# (32768 and up), and clear of the servers' well-known ports.
PORT_FIRST=20000
PORT_COUNT=12000

PROGRAM=${0##*/}
REPO=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/../..")

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "$PROGRAM" "$*" >&2; }
die() {
	warn "$@"
	exit 1
}

# ---- the stack's directory ------------------------------------------------

find_stack() {
	STACK=$(realpath -m -- "${WEIR_STACK_DIR:-$REPO/build/stack}")
	# Three servers' configuration files and one set of shell scripts quote in
	# different ways, and RabbitMQ's start script does not quote at all.
	[[ $STACK =~ ^/[A-Za-z0-9_./+@%,=~-]+$ ]] ||
		die "the stack's path may only hold letters, digits and _./+@%,=~- but is '$STACK'; set WEIR_STACK_DIR to another place"
	[[ ! -d $STACK/state || -x $STACK/state ]] ||
		die "$STACK belongs to the user $(stat -c %U "$STACK"); set WEIR_STACK_DIR to a place of your own"
}

stack_exists() { [[ -r $STACK/state/stack ]]; }

# A copied or moved stack would speak for the servers of the original.
check_stack_place() {
	local home
	home=$(state_get stack)
	[[ $home == "$STACK" ]] ||
		die "$STACK was copied or moved from $home and cannot be used here; remove it: rm -rf '$STACK'"
}

# Call after find_stack. Creates the directory for the first time, too.
# Whoever holds the lock is alone in changing the stack.
lock_stack() {
	local inode
	while :; do
		make_stack_dir
		exec 9<"$STACK/state"
		flock -w 180 9 || die "another up or down has been at work on $STACK for 3 minutes; see: fuser -v '$STACK/state'"
		# `down --purge` may have removed the directory while we waited.
		inode=$(stat -c %i "$STACK/state" 2>/dev/null) || continue
		[[ $inode == "$(stat -L -c %i /proc/self/fd/9 2>/dev/null || echo "$inode")" ]] && return
	done
}

make_stack_dir() {
	[[ ! -d $STACK/state ]] || return 0
	# The second look is for another `up` that has just made it.
	if [[ -e $STACK && -n $(ls -A "$STACK") && ! -d $STACK/state ]]; then
		die "$STACK is not empty and is not a stack; set WEIR_STACK_DIR to an empty place"
	fi
	mkdir -p "$STACK" || die "cannot create $STACK; set WEIR_STACK_DIR to a place you may write to"
	# 0711, not 0700: PostgreSQL may have to run as another user, and passes
	# through to its own directory.
	chmod 0711 "$STACK"
	(umask 077 && mkdir -p "$STACK/state")
}

state_get() {
	local value=
	[[ ! -r $STACK/state/$1 ]] || read -r value <"$STACK/state/$1" || true
	printf '%s' "$value"
}

state_set() {
	local file=$STACK/state/$1
	(umask 077 && printf '%s\n' "$2" >"$file.new")
	mv -f "$file.new" "$file"
}

# ---- names ----------------------------------------------------------------

is_server() {
	local name
	for name in "${WEIR_SERVERS[@]}"; do
		[[ $name != "$1" ]] || return 0
	done
	return 1
}

check_server_names() {
	local name
	for name in "$@"; do
		is_server "$name" || die "no server is called '$name'; there are: ${WEIR_SERVERS[*]}"
	done
}

# ---- processes ------------------------------------------------------------

has_proc() { [[ -r /proc/self/stat ]]; }

# What tells this process from a later one with the same number. Empty when
# there is no such process (or it is a zombie); '-' where /proc is not mounted.
process_mark() {
	local stat fields boot=
	if ! has_proc; then
		kill -0 "$1" 2>/dev/null && printf -- '-'
		return 0
	fi
	{ read -r stat </proc/"$1"/stat; } 2>/dev/null || return 0
	# The name in field 2 may hold blanks and brackets: count from its end.
	read -ra fields <<<"${stat##*) }"
	[[ ${fields[0]} != [ZX] ]] || return 0
	{ read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null || true
	printf '%s@%s' "${fields[19]}" "$boot"
}

record_process() { # name pid
	local mark
	mark=$(process_mark "$2")
	[[ -n $mark ]] || return 1
	printf '%s %s\n' "$2" "$mark" >"$STACK/run/$1.pid"
}

# Prints the process's pid if it runs, and is the one that was started.
process_of() { # name
	local pid mark
	[[ -r $STACK/run/$1.pid ]] || return 1
	read -r pid mark <"$STACK/run/$1.pid" || return 1
	[[ -n $pid && -n $mark && $(process_mark "$pid") == "$mark" ]] || return 1
	printf '%s' "$pid"
}

is_running() { process_of "$1" >/dev/null; }

# Polls a command until it succeeds; fails when the time is over.
wait_until() { # seconds command...
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.05
	done
}

is_stopped() { ! is_running "$1"; }

# ---- ports ----------------------------------------------------------------

# Runs an exported function in a shell that ends in time: a connection to a
# frozen server can hang, and bash cannot bound that itself.
# shellcheck disable=SC2016 # the inner shell expands it
bounded() { # seconds function argument...
	timeout "$1" bash -c '"$@"' bash "${@:2}" 2>/dev/null
}

open_port() { exec 3<>"/dev/tcp/127.0.0.1/$1"; }
export -f open_port

port_answers() { bounded 2 open_port "$1"; }

# A port belongs to a stack from its choice on, and not only while a server
# listens: else two stacks that start at once, or one that is down, could be
# robbed. The claim is a file whose creation is atomic, for all users.
claim_file() { printf '/tmp/weir-port-%s' "$1"; }

claim_port() {
	[[ -w /tmp ]] || return 0
	(umask 022 && set -o noclobber && printf '%s\n' "$STACK" >"$(claim_file "$1")") 2>/dev/null
}

release_port() {
	local file owner=
	file=$(claim_file "$1")
	[[ ! -f $file ]] || read -r owner <"$file" || true
	[[ $owner != "$STACK" ]] || rm -f "$file"
}

PORT_NAMES=(amqp_port dist_port epmd_port redis_port pg_port)

# ---- who runs PostgreSQL --------------------------------------------------

# PostgreSQL refuses to run as root.
pg_user() {
	local user
	((EUID == 0)) || { id -un; return; }
	for user in postgres nobody; do
		! id -u "$user" >/dev/null 2>&1 || { printf '%s' "$user"; return; }
	done
	die 'PostgreSQL does not run as root, and there is neither a user postgres nor nobody; create one: useradd --system postgres'
}

# Prefix that runs a command as that user, replacing the calling process.
pg_prefix() {
	PG_PREFIX=()
	((EUID == 0)) || return 0
	local user
	user=$(pg_user)
	PG_PREFIX=(setpriv "--reuid=$user" "--regid=$(id -gn "$user")" --init-groups --)
}

as_pg() { (cd / && exec "${PG_PREFIX[@]}" env -i PATH="$PATH" LC_ALL=C "$@"); }

# ---- time -----------------------------------------------------------------

seconds_since() { # a value of EPOCHREALTIME
	local ms=$(((${EPOCHREALTIME/./} - ${1/./}) / 1000))
	printf '%d.%d' $((ms / 1000)) $((ms % 1000 / 100))
}

# ---- children -------------------------------------------------------------

children_of() { # pid
	local file stat fields
	for file in /proc/[0-9]*/stat; do
		{ read -r stat <"$file"; } 2>/dev/null || continue
		read -ra fields <<<"${stat##*) }"
		[[ ${fields[1]} != "$1" ]] || printf '%s ' "${stat%% *}"
	done
}
