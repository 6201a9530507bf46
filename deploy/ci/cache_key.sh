#!/usr/bin/env bash
# Prints `key=HASH`, a hash of all locks of this checkout: what the cache of engines and services depends on.
set -euo pipefail

cd "$(dirname "$0")/../.."
hash=$(find engines harness requirements -name '*.lock' -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
echo "key=${hash%% *}"
