#!/usr/bin/env bash
# Installs the Debian packages that the development cluster and the tests use, if one is missing.
set -euo pipefail
packages=(bind9-dnsutils curl haproxy iproute2 nftables procps runc gcc libc6-dev)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null; then
  echo "missing, as far as dpkg knows: ${missing[*]}; install what your distribution calls them (going on without)" >&2
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  echo "missing: ${missing[*]}; install them as root: sudo make deps (going on without)" >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# The services that come with packages stay off: the development cluster starts its own.
RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "installed: ${missing[*]}"
