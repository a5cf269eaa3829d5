# shellcheck shell=bash
# Read by the scripts beside this folder: top, jobs, build.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top" || exit 1

# One compiler per core, but only as many as have 2.5 GB each.
jobs() {
  local cores memory
  cores=$(nproc 2>/dev/null || echo 2)
  memory=$(awk '/^MemAvailable:/ {print int($2 / 2500000)}' /proc/meminfo 2>/dev/null || echo "$cores")
  ((memory < cores)) && cores=$memory
  echo $((cores > 0 ? cores : 1))
}

# build PRESET [TARGET...]: configures where that was not done, builds, and is quiet unless it fails.
build() {
  local preset=$1 dir=$top/build/$1 started=$SECONDS options=()
  shift
  mkdir -p "$dir"
  # Nobody changes one test of what CI builds, and nobody debugs it; where a sanitizer speaks, lines stay.
  [[ ${CI-} != true ]] || options=(-DIPSECPP_TOGETHER=16)
  [[ ${CI-} != true || $preset != dev ]] || options+=(-DCMAKE_CXX_FLAGS_DEBUG=-O0)
  if [[ ! -f $dir/build.ninja ]]; then
    if ! cmake --preset "$preset" "${options[@]}" >"$dir/configure.log" 2>&1; then
      cat "$dir/configure.log" >&2
      echo "configuring build/$preset failed" >&2
      return 1
    fi
  fi
  # The programs of this preset would be written over while somebody else builds them.
  exec {build_lock}>"$dir/lock"
  flock "$build_lock"
  [[ -t 1 ]] && echo "building build/$preset ..."
  if ! cmake --build "$dir" --parallel "$(jobs)" ${1+--target "$@"} >"$dir/build.log" 2>&1; then
    grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking)' "$dir/build.log" | head -n 150 >&2
    echo "building build/$preset failed; all of it is in build/$preset/build.log" >&2
    exec {build_lock}>&-
    return 1
  fi
  exec {build_lock}>&-
  if grep -q '^ninja: no work to do' "$dir/build.log"; then
    echo "build/$preset is up to date"
  else
    echo "built build/$preset in $((SECONDS - started)) s"
  fi
}
