#!/usr/bin/env bash
# Installs the Debian packages that some tests and exports use. Needs root and apt; changes nothing where
# everything is there already.
#   chromium    PDF export, screenshots, browser tests
set -euo pipefail

packages=()
command -v chromium >/dev/null 2>&1 || packages+=(chromium)

if [ "${#packages[@]}" -eq 0 ]; then
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "install-system-packages: no apt-get on this machine; install by hand: ${packages[*]}" >&2
    exit 3
fi
echo "install-system-packages: installing ${packages[*]}" >&2
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
