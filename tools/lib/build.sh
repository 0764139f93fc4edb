# Builds, outside the clone. Sourced after common.sh. SwiftPM locks the scratch path itself: a second build waits for the first.

# Without colours: with them, a build for a terminal shares nothing with one in a pipe.
swift_build() { swift build --package-path "$root" --scratch-path "$scratch" -j "$(nproc)" --no-color-diagnostics "$@"; }

# swift_build_quietly ARGUMENTS...: progress for a person who watches; in a pipe only the end of it, and only when it fails,
# since thousands of lines help nobody.
swift_build_quietly() {
    local words code=0
    if [ -t 2 ]; then
        swift_build "$@" >&2
        return
    fi
    words="$(mktemp)"
    swift_build "$@" </dev/null >"$words" 2>&1 || code=$?
    [ $code -eq 0 ] || tail -n 80 "$words" >&2
    rm -f "$words"
    return $code
}

# build_release FILE: builds the product in release mode and copies it to FILE, so that a later build does not replace a
# program that runs.
build_release() {
    local target="$1"
    swift_build_quietly -c release --product tiktrue || { say "The release build failed: see above."; return 1; }
    mkdir -p "$(dirname "$target")"
    # A new file each time: one that runs cannot be written to.
    cp "$(swift_build -c release --show-bin-path)/tiktrue" "$target.new" && mv -f "$target.new" "$target"
}
