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
'*-e+[A line that matches REGEX is an error (repeatable)]:REGEX:_default' \
'*--error=[A line that matches REGEX is an error (repeatable)]:REGEX:_default' \
'--ready=[A line that matches REGEX means success and ends the watch]:REGEX:_default' \
'*--ignore=[A line that matches REGEX is no error, whatever else it matches, such as \`errors=0\` (repeatable)]:REGEX:_default' \
'--start=[A line that matches REGEX begins a record of several lines; a record is judged and printed as a whole]:REGEX:_default' \
'--from=[Start at the \`start\` of LOG, at its \`end\`, or at a cursor that --mark printed]:start|end|CURSOR:_default' \
'()--cursor-file=[Start where the last run with FILE ended, and save in FILE where this run ends]:FILE:_files' \
'*--archives=[Files that match GLOB are archives of LOG, wherever they are and whatever their names are (repeatable)]:GLOB:_default' \
'--timeout=[Give up after DUR, with exit code 124]:DUR:_default' \
'(--ready)--for=[No error for DUR is success (with COMMAND\: for DUR after it succeeded)]:DUR:_default' \
'--idle=[Give up when no LOG has grown for DUR, with exit code 124]:DUR:_default' \
'--while=[Give up when this process is gone, with exit code 3; its last lines are judged first]:pidfile:PATH|pid:N:_default' \
'--count=[Decide at the N-th ready line; without --ready at the N-th error line]:N:_default' \
'(--ready --no-follow)--within=[With --count\: N error lines within DUR decide, by the time when they are read]:DUR:_default' \
'--kill-after=[Send KILL if COMMAND has not ended DUR after TERM]:DUR:_default' \
'-C+[Print N lines before and after each line that was found]:N:_default' \
'--context=[Print N lines before and after each line that was found]:N:_default' \
'--max-lines=[Print at most N of the lines that were found; count the rest]:N:_default' \
'--color=[Colour the part of the line that matched (NO_COLOR is respected)]:WHEN:(auto always never)' \
'--show=[If COMMAND fails\: show so many of the last lines that LOG has gained]:LINES:_default' \
'-i[Ignore upper and lower case in all patterns]' \
'--ignore-case[Ignore upper and lower case in all patterns]' \
'--plain[Match, capture and print the text of each line without its escape sequences, such as those of colours]' \
'(-e --error --ready --from --cursor-file)--mark[Print a cursor for the end of each LOG as it is now, for a later --from]' \
'--must-exist[Fail with exit code 125 if a LOG does not exist at the start, or a glob matches no file]' \
'--drain[After a line has decided, read stdin to its end, so that the writer does not die of SIGPIPE]' \
'(--for --idle --while --timeout)--no-follow[Judge LOG to its end and exit\: 1 if an error was seen, else 0 (with --ready\: 1 if that was not seen)]' \
'--capture[Print the capture groups of the ready line instead of the line, separated by tabs]' \
'(--capture)--json[Print one JSON object per line\: event, log, file, offset, line_number, pattern, regex, line]' \
'(-v --verbose)-q[Print no message but errors]' \
'(-v --verbose)--quiet[Print no message but errors]' \
'*-v[Print more about each act and its reason; twice\: also each decision that a race forces (docs/races.md)]' \
'*--verbose[Print more about each act and its reason; twice\: also each decision that a race forces (docs/races.md)]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'*::logs -- The log, or `-` for stdin, or a quoted pattern such as '\''/var/log/app/*.log'\''; a log need not be there yet:_files' \
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
