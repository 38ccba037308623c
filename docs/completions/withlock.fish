complete -c withlock -s w -l timeout -l wait -d 'Wait for the lock at most DUR (a bare number is seconds; 0 is -n)' -r
complete -c withlock -s E -l conflict-exit-code -d 'The exit code for a lock that another process holds' -r
complete -c withlock -s c -l command -d 'Run this command by the shell ($SHELL, or /bin/sh)' -r
complete -c withlock -s l -l lock -d 'One more file or directory to lock (repeatable)' -r -F
complete -c withlock -l fd -d 'Lock descriptor N, which the shell has opened' -r
complete -c withlock -s s -l shared -d 'Take a shared lock: many readers, or one writer'
complete -c withlock -s x -l exclusive -d 'Take an exclusive lock (the default)'
complete -c withlock -s n -l nonblock -l nb -d 'Fail at once if another process holds the lock'
complete -c withlock -l json -d 'If another process holds the lock, print a JSON object: path, descriptor, holders, waiting, deadlock, reason'
complete -c withlock -s o -l close -d 'Do not let COMMAND inherit the lock'
complete -c withlock -s F -l no-fork -d 'Become COMMAND instead of waiting for it'
complete -c withlock -s u -l unlock -d 'Unlock a descriptor, for every process that shares it, before the shell closes it'
complete -c withlock -s q -l quiet -d 'Print no message but errors'
complete -c withlock -s v -l verbose -d 'Print more about each act and its reason; twice: also each decision that a race forces (docs/races.md)'
complete -c withlock -s h -l help -d 'Print help (see more with \'--help\')'
complete -c withlock -s V -l version -d 'Print version'
