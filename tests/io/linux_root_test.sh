#!/usr/bin/env bash
# The tests of TUN devices and raw sockets ([.root] of test_io), in a network namespace that ends with them.
set -u
skip() { echo "skipped: $1"; exit 77; }
[[ $(uname) == Linux ]] || skip "no Linux"
[[ $(id -u) == 0 ]] || skip "TUN devices and raw sockets need root"
command -v unshare >/dev/null && command -v ip >/dev/null || skip "no unshare or ip (util-linux, iproute2)"
[[ -c /dev/net/tun ]] || skip "no /dev/net/tun"
unshare --net true 2>/dev/null || skip "this system gives no network namespaces"
exec unshare --net bash -c 'ip link set lo up && exec "$1" "[.root]"' _ "$IPSECPP_BIN/test_io"
