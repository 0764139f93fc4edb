# Makes sure of what building and running needs. Sourced after common.sh.

# Debian's ip and tc stand in a folder that ordinary users do not search.
PATH="$PATH:/usr/sbin:/sbin"

require_swift() {
    local version
    version="$( (swift --version 2>/dev/null || true) | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)"
    if [ -n "$version" ]; then
        local major="${version%%.*}" minor="${version##*.}"
        if [ "$major" -gt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -ge 1 ]; }; then return 0; fi
    fi
    say "Swift 6.1 or newer is needed${version:+ (found $version)}. This line installs it (https://www.swift.org/install/linux/):"
    # shellcheck disable=SC2016  # the line is for the person's shell
    say '  curl -O "https://download.swift.org/swiftly/linux/swiftly-$(uname -m).tar.gz" && tar zxf "swiftly-$(uname -m).tar.gz" && ./swiftly init --quiet-shell-followup && . "${SWIFTLY_HOME_DIR:-$HOME/.local/share/swiftly}/env.sh" && hash -r'
    exit 1
}

# Prints the Debian packages whose content is not here. What counts is the content, not how it was installed. Words name what
# not everyone needs: `lab`, tests with network namespaces; `arm64`, building for arm64 and running that on another machine.
missing_packages() {
    command -v pkg-config >/dev/null || echo pkg-config
    pkg-config --exists libsodium 2>/dev/null || echo libsodium-dev
    pkg-config --exists sqlite3 2>/dev/null || echo libsqlite3-dev
    command -v python3 >/dev/null || echo python3
    python3 -m pip --version >/dev/null 2>&1 || echo python3-pip
    local part
    for part in "$@"; do
        case "$part" in
        lab)
            { command -v ip && command -v tc; } >/dev/null || echo iproute2
            command -v openssl >/dev/null || echo openssl
            ;;
        arm64)
            [ "$(uname -m)" != aarch64 ] || continue
            { command -v qemu-aarch64-static || command -v qemu-aarch64; } >/dev/null || echo qemu-user
            { [ -e /usr/aarch64-linux-gnu/include/stdio.h ] && [ -e /usr/aarch64-linux-gnu/include/linux/futex.h ]; } ||
                echo libc6-dev-arm64-cross
            ;;
        esac
    done
}

# install_packages [lab] [arm64]: installs what is missing, with what these need.
install_packages() {
    local missing=() sudo=()
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -eq 0 ] && return 0
    if ! command -v apt-get >/dev/null; then
        fail "Missing: ${missing[*]} (Debian's names). Install what your system calls them, then run this again."
    fi
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "Missing: ${missing[*]}. As root, run: apt-get install ${missing[*]}"
        sudo=(sudo)
        say "Installing ${missing[*]} (sudo may ask for your password) ..."
    else
        say "Installing ${missing[*]} ..."
    fi
    export DEBIAN_FRONTEND=noninteractive
    {
        "${sudo[@]}" apt-get update -qq &&
            "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
    } </dev/null >&2 || fail "apt-get could not install ${missing[*]}: see its words above."
    hash -r
}

set_up() {
    require_swift
    install_packages "$@"
    mkdir -p "$cache" "$scratch"
}
