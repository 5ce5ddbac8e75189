#!/usr/bin/env bash
# Fuzzes every reader of geo data for RUNS inputs each (default 1,000,000), adds what was run to the tally beside this file,
# and prints the sum of each target over the tally's rows of this state of the code. Call it by `make fuzz-geo`, as often
# as you have time for: the sums grow until a reader changes.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=${RUNS:-1000000}
tally=geodata/bench/fuzz.tsv
state=$(git ls-files -s 'geodata/*.go' ':!geodata/*_test.go' ':!geodata/bench' go.mod | sha256sum | cut -c1-12)
if [ -n "$(git status --porcelain -- geodata/ ':!geodata/bench' go.mod)" ]; then
  echo "fuzz-geo: geodata/ has changes that are not committed: commit them, so that the tally can name the code" >&2
  exit 1
fi
targets=$(grep -rho --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' geodata -H | sed 's/:func /\t/' | sort)
while IFS=$'\t' read -r file target; do
  package=./$(dirname "$file")
  echo "fuzz-geo: $package $target, $runs inputs" >&2
  go test -run '^$' -fuzzminimizetime 1x -fuzz "^$target\$" -fuzztime "${runs}x" "$package" >&2
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$(date -u +%F)" "$(git rev-parse --short HEAD)" "$state" "$package" "$target" "$runs" >>"$tally"
done <<<"$targets"
awk -F'\t' -v state="$state" '$3 == state { n = $4; sub(".*/", "", n); sum[n "_" $5] += $6 } END { for (t in sum) print "result geo.fuzz_" t, sum[t], "runs" }' "$tally" | sort
