complete -c logwatch -s e -l error -d 'A line that matches is an error; may be given several times' -r
complete -c logwatch -l ready -d 'The line that says that all is well; watching ends with it' -r
complete -c logwatch -l ignore -d 'A line that matches is no error, whatever else it matches (such as `errors=0`); may be given several times' -r
complete -c logwatch -l from -d 'Begin at the `start` of LOG, or at a cursor that --mark printed (several, one a LOG, with blanks between)' -r
complete -c logwatch -l timeout -d 'Give up after DUR' -r
complete -c logwatch -l kill-after -d 'How long COMMAND may take to end by TERM before KILL' -r
complete -c logwatch -l show -d 'If COMMAND fails: how many of the last lines that LOG has gained are shown' -r
complete -c logwatch -s i -l ignore-case -d 'Upper and lower case are the same in all patterns'
complete -c logwatch -l mark -d 'Print a cursor for the end of each LOG as it is now, for a later --from'
complete -c logwatch -s q -l quiet -d 'Say nothing but errors'
complete -c logwatch -s v -l verbose -d 'Say more about what is done and why'
complete -c logwatch -s h -l help -d 'Print help (see more with \'--help\')'
complete -c logwatch -s V -l version -d 'Print version'
