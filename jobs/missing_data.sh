#!/usr/bin/env bash
# Prints the files and folders of a deck's data.path that do not exist, one per line:
#
#   jobs/missing_data.sh DECK
#
# Ridgeline's exit status is 2 for every fault of a deck, and its messages are for people. A job that
# continues without the data checks for them here. It reads `path = "…"` in [data], or a list of
# such texts. It prints nothing for a path in another form of TOML; Ridgeline then reports the fault.
set -euo pipefail

deck=$1
folder=$(dirname -- "$deck") # a deck's paths start there

awk '
  /^[ \t]*\[/ { in_data = /^[ \t]*\[data\]/ }
  in_data && /^[ \t]*path[ \t]*=/ { sub(/^[^=]*=/, ""); in_path = !/^[ \t]*"""/; is_list = /^[ \t]*\[/ }
  in_path {
    while (match($0, /^[ \t,\[]*"[^"]*"/)) {
      text = substr($0, 1, RLENGTH - 1)
      $0 = substr($0, RLENGTH + 1)
      sub(/^[^"]*"/, "", text)
      print text
    }
    if (!is_list || /^[ \t,]*\]/) in_path = 0
  }' "$deck" |
  while IFS= read -r path; do
    if [[ $path == *\\* ]]; then continue; fi # an escape, which this does not decode
    [[ $path == /* ]] || path=$folder/$path
    [[ -e $path ]] || printf '%s\n' "$path"
  done
