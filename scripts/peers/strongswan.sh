#!/usr/bin/env bash
# strongSwan 5.9 (Debian 12) as a peer. Without --guest it runs in a network namespace with ESP in user space (kernel-libipsec):
# it always speaks NAT-T, and tunnel mode only. With --guest it runs in a guest (guest.sh start DIR --root
# "$(strongswan.sh root)") with the guest kernel's ESP and AH, transport mode too, and without NAT-T.
#
#   strongswan.sh start DIR --ns NAME | --guest GUESTDIR [--set 'charon.KEY = VALUE']...
#   strongswan.sh load DIR SWANCTL.CONF [KEYS]  replaces connections and secrets; KEYS has x509/, x509ca/ and private/;
#                                        prints how long the log was before
#   strongswan.sh set DIR ['charon.KEY = VALUE']...   these settings in place of those before, for SAs to come; not in a guest
#   strongswan.sh swanctl DIR ARG...     such as --list-sas, --initiate --child net, --terminate --ike gw
#   strongswan.sh log DIR                prints charon's log
#   strongswan.sh stop DIR [--kill]      --kill: without a word to anybody
#   strongswan.sh root                   makes the Debian root if need be, and prints its path
#
# DIR holds all state: strongswan.conf, swanctl/, log/. Needs root, iproute2, mmdebstrap, python3.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages=(strongswan-charon strongswan-swanctl strongswan-libcharon libcharon-extra-plugins libcharon-extauth-plugins libstrongswan-extra-plugins
  libstrongswan-standard-plugins iproute2 iputils-ping procps)
export STRONGSWAN_CONF=/mnt/strongswan.conf SWANCTL_DIR=/mnt/swanctl
environment="STRONGSWAN_CONF=$STRONGSWAN_CONF SWANCTL_DIR=$SWANCTL_DIR"
vici=unix:///mnt/run/charon.vici

configuration() { # SET...
  cat <<END
charon {
  load = random nonce aes sha2 sha1 md5 blowfish openssl gmp gcm hmac kdf drbg x509 pubkey pkcs1 pkcs8 pem constraints $backend kernel-netlink socket-default counters vici xauth-generic
  i_dont_care_about_security_and_use_aggressive_mode_psk = yes
  retransmit_timeout = 1
  retransmit_base = 1
  retransmit_tries = 6
  plugins {
    vici {
      socket = $vici
    }
  }
  filelog {
    main {
      path = /mnt/log/charon.log
      flush_line = yes
      time_format = %H:%M:%S
      default = 1
      ike = 2
      chd = 2
      cfg = 2
    }
  }
}
swanctl {
  load = random openssl x509 pubkey pkcs1 pkcs8 pem
}
END
  # charon.a.b = v  ->  charon { a { b = v } }
  printf '%s\n' "$@" | awk -F' *= *' 'NF > 1 {
    n = split($1, key, ".")
    for (i = 1; i < n; i++) printf "%s {\n", key[i]
    printf "%s = %s\n", key[n], $2
    for (i = 1; i < n; i++) print "}"
  }'
}

start() {
  local sets=() ns='' guest='' backend=kernel-libipsec i
  while (($#)); do
    case $1 in
      --ns) ns=$2 ;;
      --guest) guest=$(cd "$2" && pwd) backend='' ;;
      --set) sets+=("$2") ;;
      *) usage ;;
    esac
    shift 2
  done
  [[ $ns || $guest ]] || usage
  mkdir -p "$dir/run" "$dir/log" "$dir/swanctl"
  rm -f "$dir/run/"* "$dir/guest" "$dir/ns"
  configuration ${sets[@]+"${sets[@]}"} >"$dir/strongswan.conf"
  if [[ $guest ]]; then
    echo "$guest" >"$dir/guest"
    in_guest '[ -x /r/usr/lib/ipsec/charon ]' || die "start the guest with --root \"\$(strongswan.sh root)\""
    in_guest 'rm -rf /tmp/peer; mkdir -p /tmp/peer/run /tmp/peer/log /tmp/peer/swanctl; mount --bind /tmp/peer /r/mnt'
    python3 "$peers/guest-run.py" "$guest/control.sock" --put "$dir/strongswan.conf" /tmp/peer/strongswan.conf
    # shellcheck disable=SC2016  # expanded in the guest
    in_guest "$environment"' chroot /r /usr/lib/ipsec/charon > /tmp/peer/log/stdout 2>&1 < /dev/null &
      echo $! > /tmp/peer/pid
      for i in $(seq 100); do [ -S /tmp/peer/run/charon.vici ] && exit; usleep 100000; done
      exit 1' || die "charon does not answer in the guest: $(log)"
    return
  fi
  echo "$ns" >"$dir/ns"
  debian_root strongswan "${packages[@]}" >"$dir/root"
  (in_root "$dir" timeout -k 5 "$longest" /usr/lib/ipsec/charon) >"$dir/log/stdout" 2>&1 </dev/null &
  for ((i = 0; i < 100; i++)); do
    [[ ! -S $dir/run/charon.vici ]] || return 0
    kill -0 $! 2>/dev/null || break
    sleep 0.1
  done
  cat "$dir/log/stdout" >&2
  die "charon does not come up; its log is $dir/log/charon.log"
}

swanctl() {
  if [[ -f $dir/guest ]]; then
    in_guest "$environment chroot /r swanctl $* --uri $vici"
  else
    (in_root "$dir" swanctl "$@" --uri $vici)
  fi
}

set_charon() {
  local backend=kernel-libipsec
  configuration "$@" >"$dir/strongswan.conf"
  swanctl --reload-settings >"$dir/log/set" 2>&1 || die "swanctl refuses the settings: $(<"$dir/log/set")"
}

load() { # in a guest by one command, since each costs a fifth of a second
  local loading="--load-all --clear --noprompt"
  rm -rf "$dir/swanctl"
  mkdir "$dir/swanctl"
  cp "$1" "$dir/swanctl/swanctl.conf"
  [[ ! ${2-} ]] || cp -r "$2/." "$dir/swanctl/"
  if [[ -f $dir/guest ]]; then
    in_guest "cd /tmp/peer && wc -c <log/charon.log && rm -rf swanctl && mkdir swanctl &&
      base64 -d <<'@@' | tar -C swanctl -xf - &&
$(tar -C "$dir/swanctl" -cf - . | base64)
@@
$environment chroot /r swanctl $loading --uri $vici"
  else
    # shellcheck disable=SC2086  # words
    wc -c <"$dir/log/charon.log" && swanctl $loading
  fi >"$dir/log/load" 2>&1 || die "swanctl refuses the configuration: $(<"$dir/log/load")"
  head -n 1 "$dir/log/load"
}

log() { if [[ -f $dir/guest ]]; then in_guest 'cat /tmp/peer/log/charon.log'; else cat "$dir/log/charon.log"; fi; }

stop() { # charon leaves its id in /run/charon.pid; the one in the guest is ended there
  local signal=TERM
  [[ ${1-} != --kill ]] || signal=KILL
  if [[ -f $dir/guest ]]; then
    end_in_guest "$signal"
    rm -f "$dir/guest"
  else
    end "$dir/run/charon.pid" "$signal"
  fi
}

command=${1-}
[[ $command != root ]] || { debian_root strongswan "${packages[@]}"; exit; }
[[ $# -ge 2 ]] || usage
mkdir -p "$2"
dir=$(cd "$2" && pwd)
shift 2
case $command in
  set) set_charon "$@" ;;
  start | load | swanctl | log | stop) "$command" "$@" ;;
  *) usage ;;
esac
