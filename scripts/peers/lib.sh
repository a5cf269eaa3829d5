# shellcheck shell=bash
# Read by the scripts beside this file: where roots are kept, how one is made, how a process is ended.
# A peer's whole state lies in the folder that it was started with.

peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
peers_cache=${IPSECPP_CACHE:-${XDG_CACHE_HOME:-/var/cache}/ipsecpp}/peers
# shellcheck disable=SC2034  # read by the scripts
longest=7200 # seconds after which a daemon or guest that nobody stopped ends by itself

die() { echo "${0##*/}: $*" >&2; exit 1; }
usage() { sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p}' "$0" >&2; exit 2; }

mirror() { # where this machine gets its own packages; of the two kinds of files only one may be there
  { cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null || true; } |
    awk '/^URIs:/ {print $2} $1 == "deb" {for (i = 2; i <= NF; i++) if ($i ~ /:\//) print $i}' | grep -m 1 .
}

# debian_root NAME PACKAGE...: prints the path of a Debian 12 system with these packages, which is made once and kept.
debian_root() {
  local name=$1 root mirror log lock
  shift
  root=$peers_cache/$name-$(printf '%s\n' "$@" | sha256sum | cut -c1-12)
  if [[ ! -e $root/.complete ]]; then
    mkdir -p "$peers_cache"
    exec {lock}>"$peers_cache/$name.lock"
    flock "$lock"
    if [[ ! -e $root/.complete ]]; then
      mirror=$(mirror) || die "this machine's apt sources name no mirror"
      echo "making a root with $name ..." >&2
      rm -rf "$root"
      log=$peers_cache/$name.log
      if ! mmdebstrap --quiet --variant=apt --include="$(IFS=,; echo "$*")" bookworm "$root" "$mirror" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "mmdebstrap failed; all of it is in $log"
      fi
      touch "$root/.complete"
    fi
    exec {lock}>&-
  fi
  echo "$root"
}

# in_root DIR COMMAND...: COMMAND in the namespace DIR/ns and the root DIR/root, which sees DIR at /mnt and DIR/run at /run.
in_root() {
  local dir=$1
  shift
  # shellcheck disable=SC2016  # expanded by the inner shell
  exec ip netns exec "$(<"$dir/ns")" unshare --mount --propagation private bash -ec '
    dir=$1 root=$2
    shift 2
    mount --bind "$dir" "$root/mnt"
    mount --bind "$dir/run" "$root/run"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t sysfs sys "$root/sys"
    exec chroot "$root" "$@"' in_root "$dir" "$(<"$dir/root")" "$@"
}

in_guest() { # the command is one text, for the guest's shell
  python3 "$peers/guest-run.py" "$(<"$dir/guest")/control.sock" "$1"
}

alive() { [[ -s $1 ]] && kill -0 "$(<"$1")" 2>/dev/null; }

# end FILE [SIGNAL]: ends the process whose id is in FILE; after 5 s, without mercy.
end() {
  local pid i
  [[ -s $1 ]] || return 0
  pid=$(<"$1")
  if kill -"${2:-TERM}" "$pid" 2>/dev/null; then
    for ((i = 0; i < 100; i++)); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.05
    done
    kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$1"
}

# end_in_guest [SIGNAL]: the same for the daemon of /tmp/peer/pid in the guest, and for the SAs and policies it leaves.
end_in_guest() {
  in_guest "kill -${1:-TERM} \$(cat /tmp/peer/pid)
    for i in \$(seq 50); do kill -0 \$(cat /tmp/peer/pid) 2>/dev/null || break; usleep 100000; done
    ip xfrm state flush; ip xfrm policy flush; umount /r/mnt" || true
}
