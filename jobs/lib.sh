# shellcheck shell=bash
# Functions that the jobs and tests/run.sh share; they read this file with `source` and set pipefail.

# installed_ridgeline TOP: prints the program of the installation that has TOP, a folder with jobs/ and inputs/,
# as its share/ridgeline. Fails in a clone, which builds its own.
installed_ridgeline() {
  local program=$1/../../bin/ridgeline
  [[ ! -e $1/CMakeLists.txt && -x $program ]] && realpath -- "$program"
}

# logged WHAT LOG COMMAND…: runs the command, writes its output to LOG, and shows its progress: on a terminal
# in a line that is overwritten, elsewhere in one line per quarter. If the command fails, its errors are
# printed. Returns the command's status.
logged() {
  local what=$1 log=$2 status=0
  shift 2
  mkdir -p -- "$(dirname -- "$log")"
  "$@" 2>&1 | tee -- "$log" | show_progress "$what" "$log" || status=${PIPESTATUS[0]}
  if ((status != 0)); then
    echo "$what failed with status $status (log: $log):" >&2
    errors_in "$log" >&2
  fi
  return "$status"
}

# Reads the output of CMake or Ninja. A step that takes minutes has a line of its own.
show_progress() {
  local what=$1 log=$2 line text shown='' quarter=0 steps='^\[([0-9]+)/([0-9]+)\]'
  local slow='^-- (Building|Fetching|Waiting) '
  while IFS= read -r line || [[ -n $line ]]; do
    if [[ $line =~ $steps ]] && ((BASH_REMATCH[2] > 0)); then
      text="$what: ${BASH_REMATCH[1]} of ${BASH_REMATCH[2]} (log: $log)"
      if [[ -t 1 ]]; then
        printf '\r%s\033[K' "$text"
        shown=1
      elif ((4 * BASH_REMATCH[1] / BASH_REMATCH[2] > quarter)); then
        quarter=$((4 * BASH_REMATCH[1] / BASH_REMATCH[2]))
        echo "$text"
      fi
    elif [[ $line =~ $slow ]]; then
      echo "$what: ${line#-- }"
    fi
  done
  if [[ -n $shown ]]; then printf '\r\033[K'; fi
}

# Prints the lines of a log that say why a build failed, or else its last lines.
errors_in() {
  local log=$1
  if grep -q '^CMake Error' "$log"; then
    # CMake's explanation is in the lines that follow.
    grep -m 1 -A 15 '^CMake Error' "$log"
  else
    grep -m 10 -E '(error|Error|ERROR):|undefined reference|No space left|: not found|Killed' "$log" ||
      tail -n 10 "$log"
  fi
}
