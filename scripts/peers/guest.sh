#!/usr/bin/env bash
# A Linux kernel (Debian 12's) in an emulator, for its own ESP and AH: no KVM, nothing installed, up in 6 to 13 seconds.
#
#   guest.sh start DIR --ns NAME [--root ROOT]  boots; its cable ends at tap0 in the network namespace NAME
#   guest.sh run DIR 'COMMAND...'               runs a shell command in the guest: its output, its status
#   guest.sh put DIR FILE PATH                  copies a file into the guest
#   guest.sh stop DIR
#   guest.sh prepare                            makes the kernel and its RAM disk if need be
#
# The guest has eth0 without an address, `ip xfrm`, ping, socat, tcpdump, and the crypto modules that ESP and AH can use.
# ROOT, a Debian system (strongswan.sh root), is at /r inside: chroot /r charon. DIR holds all state.
# Needs root, qemu-system-x86, busybox-static, cpio, kmod, iproute2, iputils-ping, tcpdump, socat, squashfs-tools, python3.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

modules=(virtio_pci virtio_console virtio_net virtio_blk virtio_rng squashfs overlay veth dummy tun xfrm_user af_key
  esp4 esp6 ah4 ah6 xfrm4_tunnel xfrm6_tunnel tunnel4 tunnel6
  authenc authencesn echainiv seqiv cbc ctr gcm cmac xcbc hmac ecb crypto_null
  des_generic blowfish_generic cast5_generic aes_generic aesni_intel camellia_generic twofish_generic serpent_generic sm4_generic ccm
  md5 sha1_generic rmd160 sha256_generic sha512_generic sm3_generic
  chacha_generic poly1305_generic chacha20poly1305 ghash_generic ghash-clmulni-intel jitterentropy_rng drbg)

prepare() { # prints the folder with vmlinuz and initrd.gz
  local made lock
  made=$peers_cache/guest-$(cat "$peers/guest.sh" "$peers/guest-init" | sha256sum | cut -c1-12)
  if [[ ! -e $made/.complete ]]; then
    mkdir -p "$peers_cache"
    exec {lock}>"$peers_cache/guest.lock"
    flock "$lock"
    [[ -e $made/.complete ]] || make_guest "$made"
    exec {lock}>&-
  fi
  echo "$made"
}

make_guest() {
  local made=$1 tree=$1/tree package version module program library
  echo "making a guest ..." >&2
  rm -rf "$peers_cache"/guest-*/
  mkdir -p "$made/deb" "$made/kernel"
  package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends:/ {print $2; exit}')
  [[ $package ]] || die "the package lists know no linux-image-cloud-amd64: apt-get update"
  (cd "$made/deb" && apt-get -o APT::Sandbox::User=root -q download "$package" >/dev/null) || die "cannot download $package"
  dpkg -x "$made"/deb/*.deb "$made/kernel"
  version=$(ls "$made/kernel/lib/modules")
  cp "$made/kernel/boot/vmlinuz-$version" "$made/vmlinuz"
  depmod -b "$made/kernel" "$version"

  mkdir -p "$tree"/{bin,sbin,usr/bin,lib,lib64,proc,sys,dev,tmp,mnt,r,run,var/run,etc,modules}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  for program in $("$tree/bin/busybox" --list); do [[ $program == busybox ]] || ln -s busybox "$tree/bin/$program"; done
  for module in "${modules[@]}"; do
    modprobe -q -d "$made/kernel" -S "$version" --show-depends "$module" 2>/dev/null || true # some are built in
  done | awk '$1 == "insmod" && !seen[$2]++ {print $2}' | while read -r module; do
    cp "$module" "$tree/modules/"
    basename "$module" >>"$tree/modules/order"
  done
  # dash, since busybox's shell would prefer its own ip and ping
  rm "$tree/bin/sh"
  cp -L "$(command -v dash)" "$tree/bin/sh"
  for program in dash ip tcpdump ping socat; do
    [[ $program == dash ]] || { rm -f "$tree/bin/$program"; cp -L "$(command -v "$program")" "$tree/bin/"; }
    ldd "$(command -v "$program")" | grep -o '/[^ ]*' | while read -r library; do
      mkdir -p "$tree$(dirname "$library")"
      [[ -e $tree$library ]] || cp -L "$library" "$tree$library"
    done
  done
  printf 'icmp 1\ntcp 6\nudp 17\nesp 50\nah 51\nipv6-icmp 58\n' >"$tree/etc/protocols"
  printf 'root:x:0:0:root:/:/bin/sh\ntcpdump:x:0:0::/:/bin/sh\n' >"$tree/etc/passwd"
  printf 'root:x:0:\n' >"$tree/etc/group"
  cp "$peers/guest-init" "$tree/init"
  chmod 755 "$tree/init"
  (cd "$tree" && find . | cpio -o -H newc --quiet -R 0:0 | gzip -1) >"$made/initrd.gz"
  rm -rf "$made/kernel" "$tree" "$made/deb"
  touch "$made/.complete"
}

squashed() { # ROOT: prints the image of that root, made beside it once
  local image=$1.squashfs lock
  exec {lock}>"$image.lock"
  flock "$lock"
  if [[ ! -e $image ]]; then
    mksquashfs "$1" "$image.part" -comp gzip -Xcompression-level 1 -noappend -no-progress -quiet \
      -e dev proc sys usr/share/doc usr/share/man usr/share/locale var/cache var/lib/apt >/dev/null || die "mksquashfs failed"
    mv "$image.part" "$image"
  fi
  exec {lock}>&-
  echo "$image"
}

start() {
  local ns='' root='' made disk=() offloads i
  while (($#)); do
    case $1 in --ns) ns=$2 ;; --root) root=$2 ;; *) usage ;; esac
    shift 2
  done
  [[ $ns ]] || usage
  made=$(prepare)
  [[ ! $root ]] || disk=(-drive "file=$(squashed "$root"),format=raw,if=virtio,readonly=on")
  rm -f "$dir/control.sock" "$dir/console.log"
  ip -n "$ns" tuntap add tap0 mode tap
  ip -n "$ns" link set tap0 up
  # no_timer_check: on a busy machine the emulated timer may be late for the kernel's look at it, which ends in a panic
  offloads=csum=off,gso=off,guest_csum=off,guest_tso4=off,guest_tso6=off,host_tso4=off,host_tso6=off,mrg_rxbuf=off
  ip netns exec "$ns" setsid timeout -k 5 "$longest" qemu-system-x86_64 -machine q35,accel=tcg -cpu max -smp 1 -m 384 \
    -nodefaults -no-reboot -display none -kernel "$made/vmlinuz" -initrd "$made/initrd.gz" \
    -append "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check random.trust_cpu=on ${root:+root=vda}" \
    -chardev "file,id=console,path=$dir/console.log" -serial chardev:console \
    -chardev "socket,id=control,path=$dir/control.sock,server=on,wait=off" \
    -device virtio-serial-pci -device virtserialport,chardev=control,name=control -device virtio-rng-pci \
    -netdev tap,id=cable,ifname=tap0,script=no,downscript=no -device "virtio-net-pci,netdev=cable,$offloads" \
    ${disk[@]+"${disk[@]}"} >"$dir/qemu.log" 2>&1 </dev/null &
  echo $! >"$dir/qemu.pid"
  for ((i = 0; i < 900; i++)); do
    ! grep -q '^GUEST READY' "$dir/console.log" 2>/dev/null || return 0
    alive "$dir/qemu.pid" || break
    sleep 0.1
  done
  cat "$dir/qemu.log" >&2
  tail -n 20 "$dir/console.log" >&2
  die "the guest did not come up"
}

run() { python3 "$peers/guest-run.py" "$dir/control.sock" "$1"; }
put() { python3 "$peers/guest-run.py" "$dir/control.sock" --put "$1" "$2"; }
stop() { end "$dir/qemu.pid"; rm -f "$dir/control.sock"; }

command=${1-}
[[ $command != prepare ]] || { prepare; exit; }
[[ $# -ge 2 ]] || usage
mkdir -p "$2"
dir=$(cd "$2" && pwd)
shift 2
case $command in
  start | run | put | stop) "$command" "$@" ;;
  *) usage ;;
esac
