# Builds the four utilities and installs them with their manual pages, completions and documents.
#
#   make && sudo make install                      into /usr/local
#   make install PREFIX=$HOME/.local               for one user
#   make install PREFIX=/usr DESTDIR=stage         for a package
#   make deb                                       a Debian package, in target/debian
#
# LOGWATCH=NAME installs logwatch under another name, where another program of that name is installed.
# STATIC=yes (to make, and to make install) links all but waitfor, which has to ask the system's resolver, without shared
# libraries: each start is faster by a tenth, each program larger by 0.8 MB. It needs the static C library.

PREFIX = /usr/local
DESTDIR =
LOGWATCH = logwatch
STATIC =
CARGO = cargo
INSTALL = install

root = $(DESTDIR)$(PREFIX)
target = $(or $(CARGO_TARGET_DIR),target)
host = $(shell rustc -vV | sed -n 's/^host: //p')
built = $(target)/release
built_alone = $(if $(STATIC),$(target)/$(host)/release,$(built))
build = $(CARGO) build --release --locked
tools = pidfile withlock waitfor
pages = $(filter-out docs/man/logwatch.1,$(wildcard docs/man/*.1))
documents = $(wildcard docs/*.md) docs/quickstart.sh docs/quickstart.txt
renamed = sed 's/\blogwatch\b/$(LOGWATCH)/g'

ifdef STATIC
all:
	$(build) -p waitfor
	RUSTFLAGS='-C target-feature=+crt-static' $(build) --target $(host) -p pidfile -p withlock -p logwatch
else
all:
	$(build) -p pidfile -p withlock -p waitfor -p logwatch
endif

install:
	@test -x $(built_alone)/pidfile || { echo "make install: nothing is built yet: run make first" >&2; exit 1; }
	$(INSTALL) -d $(root)/bin $(root)/share/man/man1 $(root)/share/bash-completion/completions
	$(INSTALL) -d $(root)/share/zsh/site-functions $(root)/share/fish/vendor_completions.d
	$(INSTALL) -d $(root)/share/racefree $(root)/share/doc/racefree/docs
	$(INSTALL) -m 755 $(built)/waitfor $(built_alone)/pidfile $(built_alone)/withlock $(root)/bin
	$(INSTALL) -m 755 $(built_alone)/logwatch $(root)/bin/$(LOGWATCH)
	$(INSTALL) -m 644 $(pages) $(root)/share/man/man1
	for tool in $(tools); do \
		$(INSTALL) -m 644 docs/completions/$$tool.bash $(root)/share/bash-completion/completions/$$tool && \
		$(INSTALL) -m 644 docs/completions/$$tool.zsh $(root)/share/zsh/site-functions/_$$tool && \
		$(INSTALL) -m 644 docs/completions/$$tool.fish $(root)/share/fish/vendor_completions.d || exit; \
	done
	$(renamed) docs/man/logwatch.1 >$(root)/share/man/man1/$(LOGWATCH).1
	$(renamed) docs/completions/logwatch.bash >$(root)/share/bash-completion/completions/$(LOGWATCH)
	$(renamed) docs/completions/logwatch.zsh >$(root)/share/zsh/site-functions/_$(LOGWATCH)
	$(renamed) docs/completions/logwatch.fish >$(root)/share/fish/vendor_completions.d/$(LOGWATCH).fish
	$(INSTALL) -m 644 README.md $(root)/share/doc/racefree
	$(INSTALL) -m 644 $(documents) $(root)/share/doc/racefree/docs
	cp -R docs/examples $(root)/share/doc/racefree/docs
	$(INSTALL) -m 755 docs/examples/init $(root)/share/racefree

uninstall:
	rm -f $(addprefix $(root)/bin/,$(tools) $(LOGWATCH))
	rm -f $(addprefix $(root)/share/man/man1/,$(notdir $(pages)) $(LOGWATCH).1)
	rm -f $(addprefix $(root)/share/bash-completion/completions/,$(tools) $(LOGWATCH))
	rm -f $(addprefix $(root)/share/zsh/site-functions/_,$(tools) $(LOGWATCH))
	rm -f $(foreach tool,$(tools) $(LOGWATCH),$(root)/share/fish/vendor_completions.d/$(tool).fish)
	rm -rf $(root)/share/doc/racefree $(root)/share/racefree

check:
	$(CARGO) test --locked

deb: all
	sh packaging/deb

.PHONY: all install uninstall check deb
