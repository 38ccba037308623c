# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_pidfile_global_optspecs
    string join \n q/quiet v/verbose h/help V/version
end

function __fish_pidfile_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_pidfile_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_pidfile_using_subcommand
    set -l cmd (__fish_pidfile_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c pidfile -n "__fish_pidfile_needs_command" -s q -l quiet -d 'Print no message but errors'
complete -c pidfile -n "__fish_pidfile_needs_command" -s v -l verbose -d 'Print more about each act and its reason; twice: also each decision that a race forces (docs/races.md)'
complete -c pidfile -n "__fish_pidfile_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pidfile -n "__fish_pidfile_needs_command" -s V -l version -d 'Print version'
complete -c pidfile -n "__fish_pidfile_needs_command" -f -a "claim" -d 'Claim PIDFILE, then become COMMAND (or start it with --background)'
complete -c pidfile -n "__fish_pidfile_needs_command" -f -a "read" -d 'Print the PID of the living process that has claimed PIDFILE'
complete -c pidfile -n "__fish_pidfile_needs_command" -f -a "signal" -d 'Send SIGNAL to the process that has claimed PIDFILE, and to no other'
complete -c pidfile -n "__fish_pidfile_needs_command" -f -a "stop" -d 'Stop the daemon that has claimed PIDFILE, and return when it is gone'
complete -c pidfile -n "__fish_pidfile_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l pid-from -d 'With --forking: the daemon is the process whose PID COMMAND writes to FILE, which is not PIDFILE' -r -F
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l stop-signal -d 'With --replace: the signal that asks the old daemon to end, such as QUIT for an nginx that finishes its requests' -r
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l log -d 'Append stdout and stderr of COMMAND to FILE; `-` leaves them as they are' -r -F
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l name -d 'The name of the daemon in messages (default: the program that runs by then)' -r
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l keep-fd -d 'Leave descriptor N open in COMMAND' -r
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l ready -d 'Ready once this shell command exits 0; it sees PIDFILE and PIDFILE_PID' -r
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l notify -d 'Ready once COMMAND sends READY=1 to its NOTIFY_SOCKET, as sd_notify(3) does' -r -f -a "abstract\t'An abstract name, which belongs to the network namespace'
path\t'A path in a directory of its own'"
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l timeout -d 'How long the whole start may take, or `none`' -r
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l kill-after -d 'After a failed start: how long COMMAND may take to end after TERM, before KILL' -r
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l wait -d 'Wait until another claimant leaves, at most DUR' -r
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l mode -d 'The permission bits of PIDFILE, in octal (default for a new file: 0644 less the umask)' -r
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l chdir -d 'Run COMMAND and the ready command in DIR; a relative COMMAND is looked up there' -r -F
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l user -d 'Run COMMAND as USER, with the groups of USER; the ready command runs as the caller' -r
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l umask -d 'The file mode creation mask of COMMAND, in octal' -r
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l nice -d 'Run COMMAND N steps nicer, from -20 to 19 (nice(2))' -r
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l env-file -d 'Set variables of COMMAND: FILE has NAME=VALUE in each line; empty lines and lines with # are left out' -r -F
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l fd -d 'Claim for a shell that has opened PIDFILE as descriptor N: `exec 9<>x.pid; pidfile claim --fd 9 x.pid || exit`' -r
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l pid -d 'With --fd: the process to record (default: the parent of pidfile)' -r
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -s q -l quiet -d 'Print no message but errors'
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -s v -l verbose -d 'Print more about each act and its reason; twice: also each decision that a race forces (docs/races.md)'
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -s b -l background -d 'Run COMMAND in the background, and return once it runs and is ready'
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l supervise -d 'Stay as the parent of COMMAND and hold the claim, for a COMMAND that closes its descriptors'
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l ignore-int -d 'With --supervise: COMMAND starts with SIGINT ignored; at a Ctrl-C, pidfile sends it TERM'
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l forking -d 'COMMAND puts itself in the background and exits 0: find its daemon, and return once the daemon is ready'
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l replace -d 'Start COMMAND beside the running daemon, let it take over when it is ready, then stop the old daemon'
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l ensure -d 'Exit 0 if PIDFILE is claimed already (with --ready: once that daemon is ready)'
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l json -d 'If another process has claimed PIDFILE, print the object of `pidfile read --json` for it'
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -l no-new-privs -d 'No program that COMMAND executes gains rights, for example by a set-user-ID bit (PR_SET_NO_NEW_PRIVS)'
complete -c pidfile -n "__fish_pidfile_using_subcommand claim" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pidfile -n "__fish_pidfile_using_subcommand read" -l exe -d 'With --unlocked: only if the process runs this program' -r -F
complete -c pidfile -n "__fish_pidfile_using_subcommand read" -s q -l quiet -d 'Print no message but errors'
complete -c pidfile -n "__fish_pidfile_using_subcommand read" -s v -l verbose -d 'Print more about each act and its reason; twice: also each decision that a race forces (docs/races.md)'
complete -c pidfile -n "__fish_pidfile_using_subcommand read" -l json -d 'Print one JSON object for each file: path, state, pid, evidence, holders, command, started, reason'
complete -c pidfile -n "__fish_pidfile_using_subcommand read" -l table -d 'Print a table, also for one file'
complete -c pidfile -n "__fish_pidfile_using_subcommand read" -l holders -d 'Print every process that visibly holds the lock: PID and command, one per line'
complete -c pidfile -n "__fish_pidfile_using_subcommand read" -l unlocked -d 'Also believe the PID file of a daemon that writes its own, without a lock'
complete -c pidfile -n "__fish_pidfile_using_subcommand read" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pidfile -n "__fish_pidfile_using_subcommand signal" -l exe -d 'With --unlocked: only if the process runs this program' -r -F
complete -c pidfile -n "__fish_pidfile_using_subcommand signal" -s q -l quiet -d 'Print no message but errors'
complete -c pidfile -n "__fish_pidfile_using_subcommand signal" -s v -l verbose -d 'Print more about each act and its reason; twice: also each decision that a race forces (docs/races.md)'
complete -c pidfile -n "__fish_pidfile_using_subcommand signal" -l group -d 'Send SIGNAL also to every descendant of the claimant, such as the daemon behind a shell or behind sudo(8)'
complete -c pidfile -n "__fish_pidfile_using_subcommand signal" -l json -d 'Print a JSON object: path, outcome, pid, evidence, command, signals, reason, exit'
complete -c pidfile -n "__fish_pidfile_using_subcommand signal" -l unlocked -d 'Also believe the PID file of a daemon that writes its own, without a lock'
complete -c pidfile -n "__fish_pidfile_using_subcommand signal" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pidfile -n "__fish_pidfile_using_subcommand stop" -l signal -d 'The signal that asks the daemon to end' -r
complete -c pidfile -n "__fish_pidfile_using_subcommand stop" -l timeout -d 'How long to wait until the daemon has ended, or `none`' -r
complete -c pidfile -n "__fish_pidfile_using_subcommand stop" -l kill-after -d 'Send KILL if the daemon has not ended after DUR (default: never), also to its workers that keep the claim' -r
complete -c pidfile -n "__fish_pidfile_using_subcommand stop" -l exe -d 'With --unlocked: only if the process runs this program' -r -F
complete -c pidfile -n "__fish_pidfile_using_subcommand stop" -s q -l quiet -d 'Print no message but errors'
complete -c pidfile -n "__fish_pidfile_using_subcommand stop" -s v -l verbose -d 'Print more about each act and its reason; twice: also each decision that a race forces (docs/races.md)'
complete -c pidfile -n "__fish_pidfile_using_subcommand stop" -l kill-holders -d 'With --kill-after: send KILL also to every other process that has the lock of a dead daemon'
complete -c pidfile -n "__fish_pidfile_using_subcommand stop" -l group -d 'Stop also all that descends from the claimant, such as the daemon behind a shell or behind sudo(8)'
complete -c pidfile -n "__fish_pidfile_using_subcommand stop" -l json -d 'Print one JSON object for each file: path, outcome, pid, evidence, command, signals, reason, exit'
complete -c pidfile -n "__fish_pidfile_using_subcommand stop" -l unlocked -d 'Also believe the PID file of a daemon that writes its own, without a lock'
complete -c pidfile -n "__fish_pidfile_using_subcommand stop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pidfile -n "__fish_pidfile_using_subcommand help; and not __fish_seen_subcommand_from claim read signal stop help" -f -a "claim" -d 'Claim PIDFILE, then become COMMAND (or start it with --background)'
complete -c pidfile -n "__fish_pidfile_using_subcommand help; and not __fish_seen_subcommand_from claim read signal stop help" -f -a "read" -d 'Print the PID of the living process that has claimed PIDFILE'
complete -c pidfile -n "__fish_pidfile_using_subcommand help; and not __fish_seen_subcommand_from claim read signal stop help" -f -a "signal" -d 'Send SIGNAL to the process that has claimed PIDFILE, and to no other'
complete -c pidfile -n "__fish_pidfile_using_subcommand help; and not __fish_seen_subcommand_from claim read signal stop help" -f -a "stop" -d 'Stop the daemon that has claimed PIDFILE, and return when it is gone'
complete -c pidfile -n "__fish_pidfile_using_subcommand help; and not __fish_seen_subcommand_from claim read signal stop help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
