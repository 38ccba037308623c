complete -c waitfor -s t -l timeout -d 'How long to wait: 0 means one try of each TARGET, `none` means for ever' -r
complete -c waitfor -l while -d 'Give up with 3 as soon as this process is gone: pidfile:PATH or pid:N' -r
complete -c waitfor -l by -d 'The socket that answers must belong to this process or a descendant: pidfile:PATH or pid:N' -r
complete -c waitfor -l attempt -d 'How long one try may take; a name that takes longer is looked up a second time' -r
complete -c waitfor -l interval -d 'The pause between two tries, instead of one that grows with the time waited' -r
complete -c waitfor -l stable -d 'The TARGET must go on answering for DUR, the connection stay open, the file not change' -r
complete -c waitfor -l send -d 'Send STR over each connection to a tcp: or unix: target, with the escapes of C, as in \'PING\\r\\n\'' -r
complete -c waitfor -l expect -d 'The pattern of the answer of a tcp: or unix: target, within one try and 64 KiB' -r
complete -c waitfor -l status -d 'The statuses that count as ready, as in 200,204,300-399' -r
complete -c waitfor -l header -d 'A header to send, as in \'Host: example.org\' (repeatable)' -r
complete -c waitfor -l method -d 'The method' -r
complete -c waitfor -l match -d 'The pattern must be found in the first MiB of the body; a body that never ends is judged as it arrives' -r
complete -c waitfor -l not-match -d 'The pattern must not be found in the first MiB of the body, as in \'"status": *"starting"\'' -r
complete -c waitfor -l cacert -d 'Trust the certificates in FILE (PEM), and those that they have signed, and no others' -r -F
complete -c waitfor -l cert -d 'Show the server the client certificate in FILE (PEM)' -r -F
complete -c waitfor -l key -d 'The private key of --cert, if it is in another FILE (PEM)' -r -F
complete -c waitfor -l user-agent -d 'The value of the header User-Agent' -r
complete -c waitfor -l proxy -d 'Ask through this proxy (by CONNECT); none is taken from the environment' -r
complete -c waitfor -l any -d 'One TARGET is enough'
complete -c waitfor -l down -d 'Wait for the opposite: nothing answers, the file or process is gone, the lock or claim is free'
complete -c waitfor -l json -d 'At the end, print one JSON object for each TARGET: target, ready, tries, reason, ms'
complete -c waitfor -s q -l quiet -d 'Print no message but errors'
complete -c waitfor -s v -l verbose -d 'Print more about each act and its reason; twice: also each decision that a race forces (docs/races.md)'
complete -c waitfor -l follow -d 'Follow redirects; else a redirect is an answer'
complete -c waitfor -l insecure -d 'Trust any certificate'
complete -c waitfor -s h -l help -d 'Print help (see more with \'--help\')'
complete -c waitfor -s V -l version -d 'Print version'
