#!/usr/bin/env bash
# libreswan's pluto (Debian 12) as a peer in a guest (guest.sh start DIR --root "$(libreswan.sh root)"), on the guest kernel's
# ESP and AH.
#
#   libreswan.sh start DIR --guest GUESTDIR
#   libreswan.sh load DIR IPSEC.CONF SECRETS [KEYS]  replaces connections and secrets; KEYS has x509/end.pem and x509ca/ca.pem, and
#                                             end.p12 with the key (password "interop"), to be the certificate "end"
#   libreswan.sh whack DIR ARG...             such as --name net --initiate, --status
#   libreswan.sh log DIR                      prints pluto's log
#   libreswan.sh stop DIR [--kill]            --kill: without a word to anybody
#   libreswan.sh root                         makes the Debian root if need be, and prints its path
#
# Needs root, mmdebstrap, python3.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages=(libreswan iproute2 iputils-ping procps)

start() {
  [[ ${1-} == --guest && ${2-} ]] || usage
  (cd "$2" && pwd) >"$dir/guest"
  in_guest '[ -x /r/usr/libexec/ipsec/pluto ]' || die "start the guest with --root \"\$(libreswan.sh root)\""
  in_guest 'rm -rf /tmp/peer; mkdir -p /tmp/peer/run /tmp/peer/nss; mount --bind /tmp/peer /r/mnt
    printf "config setup\n  uniqueids=no\n  ikev1-policy=accept\n" > /tmp/peer/ipsec.conf
    : > /tmp/peer/ipsec.secrets
    mkdir -p /r/etc/ipsec.d
    chroot /r ipsec initnss --nssdir /mnt/nss > /tmp/peer/nss.log 2>&1'
  # shellcheck disable=SC2016  # expanded in the guest
  in_guest 'chroot /r /usr/libexec/ipsec/pluto --nofork --stderrlog --use-xfrm --config /mnt/ipsec.conf --rundir /mnt/run \
      --nssdir /mnt/nss --ipsecdir /etc/ipsec.d --secretsfile /mnt/ipsec.secrets --no-dnssec > /tmp/peer/pluto.log 2>&1 < /dev/null &
    echo $! > /tmp/peer/pid
    for i in $(seq 200); do [ -S /tmp/peer/run/pluto.ctl ] && break; usleep 100000; done
    chroot /r /usr/libexec/ipsec/whack --ctlsocket /mnt/run/pluto.ctl --listen' \
    || die "pluto does not answer in the guest: $(log)"
}

# The programs behind the script "ipsec", which would take half a second each time in the emulator.
whack() { in_guest "chroot /r /usr/libexec/ipsec/whack --ctlsocket /mnt/run/pluto.ctl $*"; }

load() {
  local names
  if [[ ${3-} ]]; then
    tar -C "$3" -cf "$dir/keys.tar" end.p12 x509 x509ca
    python3 "$peers/guest-run.py" "$(<"$dir/guest")/control.sock" --put "$dir/keys.tar" /tmp/peer/keys.tar
    in_guest "cd /tmp/peer && tar -xf keys.tar || exit
      cmp -s x509/end.pem there.pem && exit
      [ ! -e there.pem ] || for name in end ca; do chroot /r certutil -D -d sql:/mnt/nss -n \$name; done
      chroot /r certutil -A -d sql:/mnt/nss -n ca -t CT,, -i /mnt/x509ca/ca.pem &&
        chroot /r pk12util -d sql:/mnt/nss -i /mnt/end.p12 -W interop && cp x509/end.pem there.pem" || die "NSS refuses the keys"
  fi
  names=$(awk '$1 == "conn" && $2 !~ /^%/ {print $2}' "$1")
  python3 "$peers/guest-run.py" "$(<"$dir/guest")/control.sock" --put "$1" /tmp/peer/new.conf
  python3 "$peers/guest-run.py" "$(<"$dir/guest")/control.sock" --put "$2" /tmp/peer/ipsec.secrets
  in_guest "whack() { chroot /r /usr/libexec/ipsec/whack --ctlsocket /mnt/run/pluto.ctl \"\$@\"; }
    for name in \$(awk '\$1 == \"conn\" && \$2 !~ /^%/ {print \$2}' /tmp/peer/ipsec.conf); do whack --delete --name \$name; done
    mv /tmp/peer/new.conf /tmp/peer/ipsec.conf
    whack --rereadsecrets && whack --listen || exit
    for name in $(echo "$names" | tr '\n' ' '); do
      chroot /r /usr/libexec/ipsec/addconn --ctlsocket /mnt/run/pluto.ctl --config /mnt/ipsec.conf \$name || exit
    done"
}

log() { in_guest 'cat /tmp/peer/pluto.log'; }

stop() {
  local signal=TERM
  [[ ${1-} != --kill ]] || signal=KILL
  end_in_guest "$signal"
  rm -f "$dir/guest"
}

command=${1-}
[[ $command != root ]] || { debian_root libreswan "${packages[@]}"; exit; }
[[ $# -ge 2 ]] || usage
mkdir -p "$2"
dir=$(cd "$2" && pwd)
shift 2
case $command in
  start | load | whack | log | stop) "$command" "$@" ;;
  *) usage ;;
esac
