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
'--wait=[Wait for the lock at most DUR (a bare number is seconds; 0 is -n)]:DUR:_default' \
'-E+[The exit code for a lock that another process holds]:N:_default' \
'--conflict-exit-code=[The exit code for a lock that another process holds]:N:_default' \
'(--fd)-c+[Run this command by the shell (\$SHELL, or /bin/sh)]:SHELL COMMAND:_default' \
'(--fd)--command=[Run this command by the shell (\$SHELL, or /bin/sh)]:SHELL COMMAND:_default' \
'*-l+[One more file or directory to lock (repeatable)]:LOCK:_files' \
'*--lock=[One more file or directory to lock (repeatable)]:LOCK:_files' \
'(-l --lock)--fd=[Lock descriptor N, which the shell has opened]:N:_default' \
'-s[Take a shared lock\: many readers, or one writer]' \
'--shared[Take a shared lock\: many readers, or one writer]' \
'-x[Take an exclusive lock (the default)]' \
'--exclusive[Take an exclusive lock (the default)]' \
'-n[Fail at once if another process holds the lock]' \
'--nonblock[Fail at once if another process holds the lock]' \
'--nb[Fail at once if another process holds the lock]' \
'--json[If another process holds the lock, print a JSON object\: path, descriptor, holders, waiting, deadlock, reason]' \
'(-F --no-fork)-o[Do not let COMMAND inherit the lock]' \
'(-F --no-fork)--close[Do not let COMMAND inherit the lock]' \
'-F[Become COMMAND instead of waiting for it]' \
'--no-fork[Become COMMAND instead of waiting for it]' \
'(-c --command -l --lock)-u[Unlock a descriptor, for every process that shares it, before the shell closes it]' \
'(-c --command -l --lock)--unlock[Unlock a descriptor, for every process that shares it, before the shell closes it]' \
'(-v --verbose)-q[Print no message but errors]' \
'(-v --verbose)--quiet[Print no message but errors]' \
'*-v[Print more about each act and its reason; twice\: also each decision that a race forces (docs/races.md)]' \
'*--verbose[Print more about each act and its reason; twice\: also each decision that a race forces (docs/races.md)]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'::lockfile -- The file or directory to lock; without COMMAND, the number of a descriptor:_files' \
'*::command -- The command to run, and its arguments:_default' \
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
