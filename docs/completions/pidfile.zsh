#compdef pidfile

autoload -U is-at-least

_pidfile() {
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
'(-v --verbose)-q[Print no message but errors]' \
'(-v --verbose)--quiet[Print no message but errors]' \
'*-v[Print more about each act and its reason; twice\: also each decision that a race forces (docs/races.md)]' \
'*--verbose[Print more about each act and its reason; twice\: also each decision that a race forces (docs/races.md)]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_pidfile_commands" \
"*::: :->pidfile" \
&& ret=0
    case $state in
    (pidfile)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:pidfile-command-$line[1]:"
        case $line[1] in
            (claim)
_arguments "${_arguments_options[@]}" : \
'--pid-from=[With --forking\: the daemon is the process whose PID COMMAND writes to FILE, which is not PIDFILE]:FILE:_files' \
'--stop-signal=[With --replace\: the signal that asks the old daemon to end, such as QUIT for an nginx that finishes its requests]:SIG:_default' \
'--log=[Append stdout and stderr of COMMAND to FILE; \`-\` leaves them as they are]:FILE:_files' \
'--name=[The name of the daemon in messages (default\: the program that runs by then)]:NAME:_default' \
'*--keep-fd=[Leave descriptor N open in COMMAND]:N:_default' \
'--ready=[Ready once this shell command exits 0; it sees PIDFILE and PIDFILE_PID]:SHELL COMMAND:_default' \
'--notify=[Ready once COMMAND sends READY=1 to its NOTIFY_SOCKET, as sd_notify(3) does]::NAME:((abstract\:"An abstract name, which belongs to the network namespace"
path\:"A path in a directory of its own"))' \
'--timeout=[How long the whole start may take, or \`none\`]:DUR:_default' \
'--kill-after=[After a failed start\: how long COMMAND may take to end after TERM, before KILL]:DUR:_default' \
'(--ensure)--wait=[Wait until another claimant leaves, at most DUR]:DUR:_default' \
'--mode=[The permission bits of PIDFILE, in octal (default for a new file\: 0644 less the umask)]:MODE:_default' \
'--chdir=[Run COMMAND and the ready command in DIR; a relative COMMAND is looked up there]:DIR:_files' \
'--user=[Run COMMAND as USER, with the groups of USER; the ready command runs as the caller]:USER[:GROUP]:_default' \
'--umask=[The file mode creation mask of COMMAND, in octal]:MASK:_default' \
'--nice=[Run COMMAND N steps nicer, from -20 to 19 (nice(2))]:N:_default' \
'*--env-file=[Set variables of COMMAND\: FILE has NAME=VALUE in each line; empty lines and lines with # are left out]:FILE:_files' \
'(-b --background --forking --replace --supervise --chdir --mode --user --no-new-privs --umask --nice --env-file)--fd=[Claim for a shell that has opened PIDFILE as descriptor N\: \`exec 9<>x.pid; pidfile claim --fd 9 x.pid || exit\`]:N:_default' \
'()--pid=[With --fd\: the process to record (default\: the parent of pidfile)]:PID:_default' \
'(-v --verbose)-q[Print no message but errors]' \
'(-v --verbose)--quiet[Print no message but errors]' \
'*-v[Print more about each act and its reason; twice\: also each decision that a race forces (docs/races.md)]' \
'*--verbose[Print more about each act and its reason; twice\: also each decision that a race forces (docs/races.md)]' \
'-b[Run COMMAND in the background, and return once it runs and is ready]' \
'--background[Run COMMAND in the background, and return once it runs and is ready]' \
'(--forking)--supervise[Stay as the parent of COMMAND and hold the claim, for a COMMAND that closes its descriptors]' \
'--ignore-int[With --supervise\: COMMAND starts with SIGINT ignored; at a Ctrl-C, pidfile sends it TERM]' \
'(-b --background)--forking[COMMAND puts itself in the background and exits 0\: find its daemon, and return once the daemon is ready]' \
'(--forking --ensure --wait)--replace[Start COMMAND beside the running daemon, let it take over when it is ready, then stop the old daemon]' \
'--ensure[Exit 0 if PIDFILE is claimed already (with --ready\: once that daemon is ready)]' \
'--json[If another process has claimed PIDFILE, print the object of \`pidfile read --json\` for it]' \
'--no-new-privs[No program that COMMAND executes gains rights, for example by a set-user-ID bit (PR_SET_NO_NEW_PRIVS)]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':pidfile -- The PID file\: created if it is absent, never removed:_files' \
'*::command -- The daemon, and its arguments. It must stay in the foreground, except with --forking:_default' \
&& ret=0
;;
(read)
_arguments "${_arguments_options[@]}" : \
'--exe=[With --unlocked\: only if the process runs this program]:PATH:_files' \
'(-v --verbose)-q[Print no message but errors]' \
'(-v --verbose)--quiet[Print no message but errors]' \
'*-v[Print more about each act and its reason; twice\: also each decision that a race forces (docs/races.md)]' \
'*--verbose[Print more about each act and its reason; twice\: also each decision that a race forces (docs/races.md)]' \
'(--table --holders)--json[Print one JSON object for each file\: path, state, pid, evidence, holders, command, started, reason]' \
'(--holders)--table[Print a table, also for one file]' \
'--holders[Print every process that visibly holds the lock\: PID and command, one per line]' \
'--unlocked[Also believe the PID file of a daemon that writes its own, without a lock]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::pidfiles -- The PID file:_files' \
&& ret=0
;;
(signal)
_arguments "${_arguments_options[@]}" : \
'--exe=[With --unlocked\: only if the process runs this program]:PATH:_files' \
'(-v --verbose)-q[Print no message but errors]' \
'(-v --verbose)--quiet[Print no message but errors]' \
'*-v[Print more about each act and its reason; twice\: also each decision that a race forces (docs/races.md)]' \
'*--verbose[Print more about each act and its reason; twice\: also each decision that a race forces (docs/races.md)]' \
'--group[Send SIGNAL also to every descendant of the claimant, such as the daemon behind a shell or behind sudo(8)]' \
'--json[Print a JSON object\: path, outcome, pid, evidence, command, signals, reason, exit]' \
'--unlocked[Also believe the PID file of a daemon that writes its own, without a lock]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':signal -- The signal\: a name with or without SIG, or a number:_default' \
':pidfile -- The PID file:_files' \
&& ret=0
;;
(stop)
_arguments "${_arguments_options[@]}" : \
'--signal=[The signal that asks the daemon to end]:SIG:_default' \
'--timeout=[How long to wait until the daemon has ended, or \`none\`]:DUR:_default' \
'--kill-after=[Send KILL if the daemon has not ended after DUR (default\: never), also to its workers that keep the claim]:DUR:_default' \
'--exe=[With --unlocked\: only if the process runs this program]:PATH:_files' \
'(-v --verbose)-q[Print no message but errors]' \
'(-v --verbose)--quiet[Print no message but errors]' \
'*-v[Print more about each act and its reason; twice\: also each decision that a race forces (docs/races.md)]' \
'*--verbose[Print more about each act and its reason; twice\: also each decision that a race forces (docs/races.md)]' \
'--kill-holders[With --kill-after\: send KILL also to every other process that has the lock of a dead daemon]' \
'--group[Stop also all that descends from the claimant, such as the daemon behind a shell or behind sudo(8)]' \
'--json[Print one JSON object for each file\: path, outcome, pid, evidence, command, signals, reason, exit]' \
'--unlocked[Also believe the PID file of a daemon that writes its own, without a lock]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::pidfiles -- The PID file:_files' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_pidfile__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:pidfile-help-command-$line[1]:"
        case $line[1] in
            (claim)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(read)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(signal)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(stop)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_pidfile_commands] )) ||
_pidfile_commands() {
    local commands; commands=(
'claim:Claim PIDFILE, then become COMMAND (or start it with --background)' \
'read:Print the PID of the living process that has claimed PIDFILE' \
'signal:Send SIGNAL to the process that has claimed PIDFILE, and to no other' \
'stop:Stop the daemon that has claimed PIDFILE, and return when it is gone' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'pidfile commands' commands "$@"
}
(( $+functions[_pidfile__subcmd__claim_commands] )) ||
_pidfile__subcmd__claim_commands() {
    local commands; commands=()
    _describe -t commands 'pidfile claim commands' commands "$@"
}
(( $+functions[_pidfile__subcmd__help_commands] )) ||
_pidfile__subcmd__help_commands() {
    local commands; commands=(
'claim:Claim PIDFILE, then become COMMAND (or start it with --background)' \
'read:Print the PID of the living process that has claimed PIDFILE' \
'signal:Send SIGNAL to the process that has claimed PIDFILE, and to no other' \
'stop:Stop the daemon that has claimed PIDFILE, and return when it is gone' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'pidfile help commands' commands "$@"
}
(( $+functions[_pidfile__subcmd__help__subcmd__claim_commands] )) ||
_pidfile__subcmd__help__subcmd__claim_commands() {
    local commands; commands=()
    _describe -t commands 'pidfile help claim commands' commands "$@"
}
(( $+functions[_pidfile__subcmd__help__subcmd__help_commands] )) ||
_pidfile__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'pidfile help help commands' commands "$@"
}
(( $+functions[_pidfile__subcmd__help__subcmd__read_commands] )) ||
_pidfile__subcmd__help__subcmd__read_commands() {
    local commands; commands=()
    _describe -t commands 'pidfile help read commands' commands "$@"
}
(( $+functions[_pidfile__subcmd__help__subcmd__signal_commands] )) ||
_pidfile__subcmd__help__subcmd__signal_commands() {
    local commands; commands=()
    _describe -t commands 'pidfile help signal commands' commands "$@"
}
(( $+functions[_pidfile__subcmd__help__subcmd__stop_commands] )) ||
_pidfile__subcmd__help__subcmd__stop_commands() {
    local commands; commands=()
    _describe -t commands 'pidfile help stop commands' commands "$@"
}
(( $+functions[_pidfile__subcmd__read_commands] )) ||
_pidfile__subcmd__read_commands() {
    local commands; commands=()
    _describe -t commands 'pidfile read commands' commands "$@"
}
(( $+functions[_pidfile__subcmd__signal_commands] )) ||
_pidfile__subcmd__signal_commands() {
    local commands; commands=()
    _describe -t commands 'pidfile signal commands' commands "$@"
}
(( $+functions[_pidfile__subcmd__stop_commands] )) ||
_pidfile__subcmd__stop_commands() {
    local commands; commands=()
    _describe -t commands 'pidfile stop commands' commands "$@"
}

if [ "$funcstack[1]" = "_pidfile" ]; then
    _pidfile "$@"
else
    compdef _pidfile pidfile
fi
