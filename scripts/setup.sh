#!/bin/sh
# Make this checkout ready to run: the system libraries that Qt needs, Python in .venv, the package and its tools in it.
# Called by every `make` target; what is there already is left alone, and then it takes a moment and says nothing.
# PYTHON=/path/to/python chooses the interpreter for a new .venv.
set -eu
cd "$(dirname "$0")/.."

STAMP=.venv/.ready

# Qt's xcb platform, software OpenGL for napari's canvas, and a screen where there is none.
PACKAGES="libgl1 libegl1 libgl1-mesa-dri libglib2.0-0 libdbus-1-3 libfontconfig1 libxkbcommon-x11-0 libxcb-cursor0
    libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0"
[ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || PACKAGES="$PACKAGES xvfb"

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

# Newer Debian and Ubuntu renamed some libraries with an ending t64.
is_installed() {
    dpkg-query --show --showformat='${db:Status-Status}\n' "$1" "$1t64" 2>/dev/null | grep -qx installed
}

missing_of() {
    for package in "$@"; do
        is_installed "$package" || printf '%s ' "$package"
    done
}

# Run a command as root, if that takes no password.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

# Install Debian packages; says why and returns 1 where that is not possible.
install_packages() {
    if ! as_root true 2>/dev/null; then
        say "please have an administrator run: apt-get install $*"
        return 1
    fi
    say "installing Debian packages: $*"
    log=$(mktemp)
    if as_root env DEBIAN_FRONTEND=noninteractive sh -c '
        apt-get -q -o DPkg::Lock::Timeout=300 update
        apt-get -q -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$@"' sh "$@" >"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 5 "$log" >&2
    rm -f "$log"
    say "apt-get could not install them; please run: apt-get install $*"
    return 1
}

has_apt() { command -v apt-get >/dev/null 2>&1 && command -v dpkg-query >/dev/null 2>&1; }

# Without these only the window is lost, so a failure here stops nothing.
prepare_system() {
    if has_apt; then
        # shellcheck disable=SC2086  # lists of words
        missing=$(missing_of $PACKAGES)
        # shellcheck disable=SC2086
        [ -z "$missing" ] || install_packages $missing || say "going on; tests and pictures of the window may fail"
    elif [ "$(uname -s)" = Linux ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && ! command -v Xvfb >/dev/null 2>&1; then
        say "there is no display; install Xvfb with your package manager to test the window (going on without)"
    fi
}

is_supported() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# 3.11 first: every dependency has had the longest time to publish wheels for it.
find_python() {
    for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
        if is_supported "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

create_environment() {
    if ! python=$(find_python); then
        [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not a Python of version 3.11 or newer"
        if has_apt; then install_packages python3 python3-venv || true; fi
        python=$(find_python) || fail "Python 3.11 or newer is needed and not found; install it, or name it with PYTHON=..."
    fi
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        { has_apt && install_packages "$package"; } || fail "$python cannot create environments: install $package"
    fi
    say "creating .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
}

# What the environment was made from: another place or another pyproject.toml needs another environment.
fingerprint() {
    pwd -P
    cksum <pyproject.toml
}

prepare_environment() {
    [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(fingerprint)" ] && is_supported .venv/bin/python && return
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1 || ! grep -qsF "$(pwd -P)/.venv" .venv/bin/activate; then
        create_environment
    fi
    rm -f "$STAMP"
    say "installing napari-histosynth and its tools into .venv (minutes the first time: torch is large)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --editable '.[all,test]' ||
        fail "pip could not install the package for the reason above; mend that and run the same command again"
    fingerprint >"$STAMP"
    say "done"
}

prepare_system
prepare_environment
