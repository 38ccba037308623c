#compdef waitfor

autoload -U is-at-least

_waitfor() {
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
'-t+[How long to wait\: 0 is one try of each, \`none\` is for ever]:DUR:_default' \
'--timeout=[How long to wait\: 0 is one try of each, \`none\` is for ever]:DUR:_default' \
'--while=[Give up with 3 as soon as this process is gone\: pidfile\:PATH or pid\:N]:PROCESS:_default' \
'--attempt=[How long one try may take]:DUR:_default' \
'(-v --verbose)-q[Say nothing but errors]' \
'(-v --verbose)--quiet[Say nothing but errors]' \
'-v[Say more about what is done and why]' \
'--verbose[Say more about what is done and why]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'*::targets -- What to wait for:_default' \
&& ret=0
}

(( $+functions[_waitfor_commands] )) ||
_waitfor_commands() {
    local commands; commands=()
    _describe -t commands 'waitfor commands' commands "$@"
}

if [ "$funcstack[1]" = "_waitfor" ]; then
    _waitfor "$@"
else
    compdef _waitfor waitfor
fi
