//! The EXAMPLES of the manual pages: what each one does, and the line to type.

/// A sentence, and the command line that does what it says.
pub type Example = (&'static str, &'static str);

/// The page of a command line whose words begin with the page's words, and its examples.
const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "pidfile",
        &[
            (
                "Start a daemon in the background, and return when it answers:",
                "pidfile claim -b --log d.log --ready 'waitfor unix:d.socket' d.pid d",
            ),
            ("Print its PID:", "pidfile read d.pid"),
            ("Reload its configuration:", "pidfile signal HUP d.pid"),
            ("Stop it, and return when a start may follow:", "pidfile stop d.pid"),
        ],
    ),
    (
        "pidfile-claim",
        &[
            ("Claim the file and become the daemon, as in a service manager's unit:", "pidfile claim /run/d.pid d -f"),
            (
                "Start the daemon in the background, and return when it answers and still lives:",
                "pidfile claim -b --log /var/log/d.log \\\n  --ready 'waitfor --while \"pidfile:$PIDFILE\" tcp:127.0.0.1:7000' \\\n  \
                 /run/d.pid d",
            ),
            (
                "Start a daemon that puts itself in the background:",
                "pidfile claim --forking --ready 'waitfor unix:/run/d.socket' \\\n  /run/d.pid d --daemonize",
            ),
            (
                "Start it unless it runs already, and return when it answers:",
                "pidfile claim -b --ensure --ready 'waitfor unix:/run/d.socket' \\\n  /run/d.pid d",
            ),
            (
                "Restart it without a moment in which no daemon listens:",
                "pidfile claim --replace \\\n  --ready 'waitfor --by \"pid:$PIDFILE_PID\" listen:7000' \\\n  /run/d.pid d",
            ),
            (
                "Hold the claim for a daemon that closes its descriptors:",
                "pidfile claim -b --supervise --log /var/log/d.log /run/d.pid d",
            ),
            ("Claim for the shell script that has opened the file by exec 9<>job.pid:", "pidfile claim --fd 9 job.pid"),
        ],
    ),
    (
        "pidfile-read",
        &[
            ("Ask whether the daemon runs:", "pidfile -q read /run/d.pid"),
            ("Print all facts about two daemons:", "pidfile read --json /run/a.pid /run/b.pid"),
            ("Print the processes that keep the claim:", "pidfile read --holders /run/d.pid"),
            (
                "Read the file of a daemon that writes its own, without a lock:",
                "pidfile read --unlocked --exe /usr/sbin/nginx /run/nginx.pid",
            ),
        ],
    ),
    (
        "pidfile-signal",
        &[
            ("Reload the configuration:", "pidfile signal HUP /run/d.pid"),
            (
                "Let a daemon that writes its own file open its log again:",
                "pidfile signal --unlocked USR1 /run/nginx.pid",
            ),
        ],
    ),
    (
        "pidfile-stop",
        &[
            ("Stop a daemon:", "pidfile stop /run/d.pid"),
            (
                "Kill it, and workers that keep the claim, if it takes too long:",
                "pidfile stop --kill-after 20s /run/d.pid",
            ),
            ("Print what was signalled, and how that ended:", "pidfile stop --json /run/d.pid"),
            ("Stop three daemons in parallel:", "pidfile stop /run/a.pid /run/b.pid /run/c.pid"),
            ("Ask nginx to finish its requests first:", "pidfile stop --signal QUIT --timeout 2m /run/nginx.pid"),
        ],
    ),
    (
        "withlock",
        &[
            ("Run a job that must not overlap, from crontab(5):", "withlock -n /run/lock/job.lock job"),
            ("Wait ten seconds for the lock:", "withlock -w 10 build.lock make -j2 install"),
            ("Take two locks, without a deadlock:", "withlock -l b.lock a.lock job"),
            ("Print who holds the lock, for a script:", "withlock -n --json build.lock true"),
            ("Lock the descriptor that the shell has opened by exec 9>>x.lock:", "withlock --fd 9 -w 30"),
            ("Unlock it:", "withlock -u 9"),
        ],
    ),
    (
        "waitfor",
        &[
            ("Wait for a port, then run a command:", "waitfor -t 30s db:5432 -- migrate"),
            ("Wait for three services at once:", "waitfor -t 30s unix:a.socket tcp:db:5432 http://web/health"),
            (
                "Give up at once if the daemon ends, and accept no other process on its port:",
                "waitfor --while pidfile:d.pid --by pidfile:d.pid 127.0.0.1:7000",
            ),
            ("Wait until the daemon is gone:", "waitfor --down pidfile:/run/d.pid"),
            ("Wait until redis has loaded its data:", "waitfor --send 'PING\\r\\n' --expect '^\\+PONG' cache:6379"),
            ("Wait for a command that exits 0:", "waitfor 'exec:pg_isready -q'"),
        ],
    ),
    (
        "logwatch",
        &[
            (
                "Run a command, and fail at the first error line of the log:",
                "logwatch -e 'FATAL|panic' d.log -- deploy",
            ),
            (
                "Wait until the daemon says that it is ready, and print its port:",
                "logwatch --ready 'listening on port (\\d+)' --capture \\\n  --timeout 10s d.log",
            ),
            (
                "Judge the lines that are new since the last run, from crontab(5):",
                "logwatch --no-follow --cursor-file place -e ERROR d.log",
            ),
            ("Report an error within ten minutes after a deploy:", "logwatch -e ERROR --for 10m d.log"),
        ],
    ),
];

/// The examples of a page, by its title such as `pidfile-claim`.
pub fn of(title: &str) -> &'static [Example] {
    EXAMPLES.iter().find(|(page, _)| *page == title).map_or(&[], |(_, examples)| examples)
}

/// Every line of every page.
pub fn lines() -> Vec<&'static str> {
    EXAMPLES.iter().flat_map(|(_, examples)| *examples).map(|(_, line)| *line).collect()
}
