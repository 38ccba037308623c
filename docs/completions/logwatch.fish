complete -c logwatch -s e -l error -d 'A line that matches REGEX is an error (repeatable)' -r
complete -c logwatch -l ready -d 'A line that matches REGEX means success and ends the watch' -r
complete -c logwatch -l ignore -d 'A line that matches REGEX is no error, whatever else it matches, such as `errors=0` (repeatable)' -r
complete -c logwatch -l start -d 'A line that matches REGEX begins a record of several lines; a record is judged and printed as a whole' -r
complete -c logwatch -l from -d 'Start at the `start` of LOG, at its `end`, or at a cursor that --mark printed' -r
complete -c logwatch -l cursor-file -d 'Start where the last run with FILE ended, and save in FILE where this run ends' -r -F
complete -c logwatch -l archives -d 'Files that match GLOB are archives of LOG, wherever they are and whatever their names are (repeatable)' -r
complete -c logwatch -l timeout -d 'Give up after DUR, with exit code 124' -r
complete -c logwatch -l for -d 'No error for DUR is success (with COMMAND: for DUR after it succeeded)' -r
complete -c logwatch -l idle -d 'Give up when no LOG has grown for DUR, with exit code 124' -r
complete -c logwatch -l while -d 'Give up when this process is gone, with exit code 3; its last lines are judged first' -r
complete -c logwatch -l count -d 'Decide at the N-th ready line; without --ready at the N-th error line' -r
complete -c logwatch -l within -d 'With --count: N error lines within DUR decide, by the time when they are read' -r
complete -c logwatch -l kill-after -d 'Send KILL if COMMAND has not ended DUR after TERM' -r
complete -c logwatch -s C -l context -d 'Print N lines before and after each line that was found' -r
complete -c logwatch -l max-lines -d 'Print at most N of the lines that were found; count the rest' -r
complete -c logwatch -l color -d 'Colour the part of the line that matched (NO_COLOR is respected)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c logwatch -l show -d 'If COMMAND fails: show so many of the last lines that LOG has gained' -r
complete -c logwatch -s i -l ignore-case -d 'Ignore upper and lower case in all patterns'
complete -c logwatch -l plain -d 'Match, capture and print the text of each line without its escape sequences, such as those of colours'
complete -c logwatch -l mark -d 'Print a cursor for the end of each LOG as it is now, for a later --from'
complete -c logwatch -l must-exist -d 'Fail with exit code 125 if a LOG does not exist at the start, or a glob matches no file'
complete -c logwatch -l drain -d 'After a line has decided, read stdin to its end, so that the writer does not die of SIGPIPE'
complete -c logwatch -l no-follow -d 'Judge LOG to its end and exit: 1 if an error was seen, else 0 (with --ready: 1 if that was not seen)'
complete -c logwatch -l capture -d 'Print the capture groups of the ready line instead of the line, separated by tabs'
complete -c logwatch -l json -d 'Print one JSON object per line: event, log, file, offset, line_number, pattern, regex, line'
complete -c logwatch -s q -l quiet -d 'Print no message but errors'
complete -c logwatch -s v -l verbose -d 'Print more about each act and its reason; twice: also each decision that a race forces (docs/races.md)'
complete -c logwatch -s h -l help -d 'Print help (see more with \'--help\')'
complete -c logwatch -s V -l version -d 'Print version'
