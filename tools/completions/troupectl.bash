# bash completion of troupectl: /usr/share/bash-completion/completions/troupectl
_troupectl() {
  mapfile -t COMPREPLY < <(troupectl complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _troupectl troupectl
