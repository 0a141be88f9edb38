# bash completion of troupectl: /usr/share/bash-completion/completions/troupectl
_troupectl() {
  local found
  mapfile -t found < <(troupectl complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  COMPREPLY=()
  # A peer's name may hold blanks and quotation marks.
  ((${#found[@]} == 0)) || mapfile -t COMPREPLY < <(printf '%q\n' "${found[@]}")
}
complete -o default -F _troupectl troupectl
