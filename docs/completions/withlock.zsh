#compdef withlock

autoload -U is-at-least

_withlock() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'-w+[Wait for the lock at most DUR (a bare number is seconds; 0 is -n)]:DUR:_default' \
'--timeout=[Wait for the lock at most DUR (a bare number is seconds; 0 is -n)]:DUR:_default' \
'-E+[The exit code for a lock that another process holds]:N:_default' \
'--conflict-exit-code=[The exit code for a lock that another process holds]:N:_default' \
'(-w --timeout)-n[Fail at once if another process holds the lock]' \
'(-w --timeout)--nonblock[Fail at once if another process holds the lock]' \
'(-v --verbose)-q[Say nothing but errors]' \
'(-v --verbose)--quiet[Say nothing but errors]' \
'-v[Say more about what is done and why]' \
'--verbose[Say more about what is done and why]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':lockfile -- The file or directory to lock:_files' \
'*::command -- What to run, and its arguments:_default' \
&& ret=0
}

(( $+functions[_withlock_commands] )) ||
_withlock_commands() {
    local commands; commands=()
    _describe -t commands 'withlock commands' commands "$@"
}

if [ "$funcstack[1]" = "_withlock" ]; then
    _withlock "$@"
else
    compdef _withlock withlock
fi
