#!/usr/bin/env bash
# Benchmarks the checkout in this folder and, on the same machine, the commit to compare it with; docs/ci.md has the how.
#
#   BENCH_PROGRAM   the `bootstrap` to run; a relative path is one in each of the two checkouts
#   BENCH_OUT       where runs, and comparison.md, .html and .xml are put
#   BENCH_BASE      the commit to compare with; empty for none
#   BENCH_RUN       arguments of `ringbench run`, one a line
#   BENCH_COMPARE   arguments of `ringbench compare`, one a line
#
# Ends with the run's exit code, or, if that is 0, with the comparison's.
set -euo pipefail

program=${BENCH_PROGRAM:?} base=${BENCH_BASE-}
mkdir -p "${BENCH_OUT:?}"
out=$(cd "$BENCH_OUT" && pwd)

# The lines of $1 that are not empty, as the array $2.
lines() {
  local -n found=$2
  local line
  found=()
  while IFS= read -r line; do
    line=${line%$'\r'}
    [ -z "$line" ] || found+=("$line")
  done <<<"$1"
}

run_arguments=() compare_arguments=()
lines "${BENCH_RUN-}" run_arguments
lines "${BENCH_COMPARE-}" compare_arguments

# Runs the checkout in folder $1, and puts the run below $out/$2.
bench() {
  (cd "$1" && "$program" ringbench run "${run_arguments[@]}" --runs-dir "$out/$2")
}

# The run below $out/$1.
run_of() {
  local result
  for result in "$out/$1"/*/result.json; do
    [ -f "$result" ] && dirname "$result" && return
  done
  echo "no run of $1 has left a result" >&2
  return 1
}

if [ -n "$base" ]; then
  # Its name comes from outside: it must not be taken for an option.
  commit=$(git rev-parse --quiet --verify --end-of-options "$base^{commit}") || {
    git fetch --no-tags --depth=1 --end-of-options origin "$base"
    commit=$(git rev-parse FETCH_HEAD)
  }
  tree=$(mktemp -d)
  trap 'git worktree remove --force "$tree"' EXIT
  git worktree add --detach "$tree" "$commit"
  # What is wrong with the base is no fault of the commit to judge: the comparison says what it can.
  bench "$tree" base || echo "the run of the base ended with $?" >&2
fi

code=0
bench . head || code=$?
if [ -n "$base" ]; then
  old=$(run_of base)
  new=$(run_of head)
  compared=0
  "$program" ringbench compare "$old" "$new" --format md --html "$out/comparison.html" --junit "$out/comparison.xml" \
    "${compare_arguments[@]}" >"$out/comparison.md" || compared=$?
  cat "$out/comparison.md"
  [ "$code" -ne 0 ] || code=$compared
fi
exit "$code"
