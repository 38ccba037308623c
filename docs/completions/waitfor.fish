complete -c waitfor -s t -l timeout -d 'How long to wait: 0 is one try of each, `none` is for ever' -r
complete -c waitfor -l while -d 'Give up with 3 as soon as this process is gone: pidfile:PATH or pid:N' -r
complete -c waitfor -l attempt -d 'How long one try may take' -r
complete -c waitfor -s q -l quiet -d 'Say nothing but errors'
complete -c waitfor -s v -l verbose -d 'Say more about what is done and why'
complete -c waitfor -s h -l help -d 'Print help (see more with \'--help\')'
complete -c waitfor -s V -l version -d 'Print version'
