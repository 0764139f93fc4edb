# Processes that outlive the command that started them, kept apart from others that later get the same number. Sourced.

# born PID: prints when it started, in clock ticks since boot; nothing where it has ended.
born() {
    local fields
    fields="$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null)" || return 0
    case "$fields" in Z* | X* | "") ;; *) echo "$fields" | cut -d ' ' -f 20 ;; esac
}

# note PID FILE: adds the process to a file of them.
note() { echo "$1 $(born "$1")" >>"$2"; }

# living FILE: prints the numbers of those noted that still run.
living() {
    local pid start
    [ -f "$1" ] || return 0
    while read -r pid start; do
        [ -n "$start" ] && [ "$(born "$pid")" = "$start" ] && echo "$pid"
    done <"$1"
    return 0
}

# end_all FILE: asks those noted to end, waits for that, and insists after ten seconds.
end_all() {
    local pids tries=0
    mapfile -t pids < <(living "$1")
    [ ${#pids[@]} -eq 0 ] && return 0
    kill -TERM "${pids[@]}" 2>/dev/null || true
    while [ $tries -lt 100 ]; do
        mapfile -t pids < <(living "$1")
        [ ${#pids[@]} -eq 0 ] && return 0
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -KILL "${pids[@]}" 2>/dev/null || true
}
