#compdef logwatch

autoload -U is-at-least

_logwatch() {
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
'*-e+[A line that matches is an error; may be given several times]:REGEX:_default' \
'*--error=[A line that matches is an error; may be given several times]:REGEX:_default' \
'--ready=[The line that says that all is well; watching ends with it]:REGEX:_default' \
'*--ignore=[A line that matches is no error, whatever else it matches (such as \`errors=0\`); may be given several times]:REGEX:_default' \
'--from=[Begin at the \`start\` of LOG, or at a cursor that --mark printed (several, one a LOG, with blanks between)]:start|CURSOR:_default' \
'--timeout=[Give up after DUR]:DUR:_default' \
'--kill-after=[How long COMMAND may take to end by TERM before KILL]:DUR:_default' \
'--show=[If COMMAND fails\: how many of the last lines that LOG has gained are shown]:LINES:_default' \
'-i[Upper and lower case are the same in all patterns]' \
'--ignore-case[Upper and lower case are the same in all patterns]' \
'(-e --error --ready --from)--mark[Print a cursor for the end of each LOG as it is now, for a later --from]' \
'(-v --verbose)-q[Say nothing but errors]' \
'(-v --verbose)--quiet[Say nothing but errors]' \
'-v[Say more about what is done and why]' \
'--verbose[Say more about what is done and why]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'*::logs -- The log:_files' \
&& ret=0
}

(( $+functions[_logwatch_commands] )) ||
_logwatch_commands() {
    local commands; commands=()
    _describe -t commands 'logwatch commands' commands "$@"
}

if [ "$funcstack[1]" = "_logwatch" ]; then
    _logwatch "$@"
else
    compdef _logwatch logwatch
fi
