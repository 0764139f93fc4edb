# What every tool here shares: where things are kept, and how they speak. Sourced, never run.
# Words go to standard error; standard output is for what was asked for.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/tiktrue"
# Outside the clone, so that a fresh clone finds the packages built already.
scratch="${TIKTRUE_SCRATCH:-$cache/build}"

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# Seconds since the shell started, for durations.
since() { echo $((SECONDS - $1)); }
