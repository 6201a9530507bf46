#!/usr/bin/env bash
# Puts the file $1 into the one comment of Ringbench on a pull request of GitHub, which is made if there is none.
#
#   GH_TOKEN     a token that may write pull requests
#   REPOSITORY   OWNER/NAME
#   NUMBER       the pull request's
set -euo pipefail

marker='<!-- ringbench -->'
comments="repos/${REPOSITORY:?}/issues/${NUMBER:?}/comments"
body=$(mktemp)
trap 'rm -f "$body"' EXIT
printf '%s\n' "$marker" | cat - "$1" >"$body"

found=$(gh api --paginate "$comments" --jq ".[] | select(.body | startswith(\"$marker\")) | .id")
if [ -n "$found" ]; then
  gh api --silent --method PATCH "repos/$REPOSITORY/issues/comments/${found%%$'\n'*}" --field "body=@$body"
else
  gh api --silent --method POST "$comments" --field "body=@$body"
fi
