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
'-t+[How long to wait\: 0 means one try of each TARGET, \`none\` means for ever]:DUR:_default' \
'--timeout=[How long to wait\: 0 means one try of each TARGET, \`none\` means for ever]:DUR:_default' \
'--while=[Give up with 3 as soon as this process is gone\: pidfile\:PATH or pid\:N]:PROCESS:_default' \
'(--down --proxy)--by=[The socket that answers must belong to this process or a descendant\: pidfile\:PATH or pid\:N]:PROCESS:_default' \
'--attempt=[How long one try may take; a name that takes longer is looked up a second time]:DUR:_default' \
'--interval=[The pause between two tries, instead of one that grows with the time waited]:DUR:_default' \
'--stable=[The TARGET must go on answering for DUR, the connection stay open, the file not change]:DUR:_default' \
'--send=[Send STR over each connection to a tcp\: or unix\: target, with the escapes of C, as in '\''PING\\r\\n'\'']:STR:_default' \
'--expect=[The pattern of the answer of a tcp\: or unix\: target, within one try and 64 KiB]:REGEX:_default' \
'--status=[The statuses that count as ready, as in 200,204,300-399]:LIST:_default' \
'*--header=[A header to send, as in '\''Host\: example.org'\'' (repeatable)]:NAME: VALUE:_default' \
'--method=[The method]:METHOD:_default' \
'--match=[The pattern must be found in the first MiB of the body; a body that never ends is judged as it arrives]:REGEX:_default' \
'--not-match=[The pattern must not be found in the first MiB of the body, as in '\''"status"\: *"starting"'\'']:REGEX:_default' \
'(--insecure)--cacert=[Trust the certificates in FILE (PEM), and those that they have signed, and no others]:FILE:_files' \
'--cert=[Show the server the client certificate in FILE (PEM)]:FILE:_files' \
'--key=[The private key of --cert, if it is in another FILE (PEM)]:FILE:_files' \
'--user-agent=[The value of the header User-Agent]:NAME:_default' \
'--proxy=[Ask through this proxy (by CONNECT); none is taken from the environment]:URL:_default' \
'--any[One TARGET is enough]' \
'(--send --expect)--down[Wait for the opposite\: nothing answers, the file or process is gone, the lock or claim is free]' \
'--json[At the end, print one JSON object for each TARGET\: target, ready, tries, reason, ms]' \
'(-v --verbose)-q[Print no message but errors]' \
'(-v --verbose)--quiet[Print no message but errors]' \
'*-v[Print more about each act and its reason; twice\: also each decision that a race forces (docs/races.md)]' \
'*--verbose[Print more about each act and its reason; twice\: also each decision that a race forces (docs/races.md)]' \
'--follow[Follow redirects; else a redirect is an answer]' \
'--insecure[Trust any certificate]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'*::targets -- The targets that are awaited:_default' \
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
