complete -c withlock -s w -l timeout -d 'Wait for the lock at most DUR (a bare number is seconds; 0 is -n)' -r
complete -c withlock -s E -l conflict-exit-code -d 'The exit code for a lock that another process holds' -r
complete -c withlock -s n -l nonblock -d 'Fail at once if another process holds the lock'
complete -c withlock -s q -l quiet -d 'Say nothing but errors'
complete -c withlock -s v -l verbose -d 'Say more about what is done and why'
complete -c withlock -s h -l help -d 'Print help (see more with \'--help\')'
complete -c withlock -s V -l version -d 'Print version'
