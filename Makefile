# Builds the four utilities and installs them with their manual pages, completions and documents.
#
#   make && sudo make install                      into /usr/local
#   make install PREFIX=$HOME/.local               for one user
#   make install PREFIX=/usr DESTDIR=stage         for a package
#   make deb                                       a Debian package, in target/debian (from debian/)
#   make dist                                      a source tarball that builds without a network, in target/dist
#   make release                                   that, a tarball of the programs, and checksums, in target/dist
#
# LOGWATCH=NAME installs logwatch under another name, where another program of that name is installed.
#
# pidfile, withlock and logwatch start faster without glibc: they are linked with musl, statically, wherever rustc has a
# standard library for it (`rustup target add x86_64-unknown-linux-musl`). waitfor asks the system's resolver and stays as
# the system's programs are.
#
#   LIBC=gnu    with the system's C library, dynamically
#   PIE=yes     position-independent: the kernel then puts the program at another address at each start. A start costs a
#               twentieth more. What is given up without it: docs/performance.md

PREFIX = /usr/local
DESTDIR =
LOGWATCH = logwatch
LIBC =
PIE =
CARGO = cargo
INSTALL = install

root = $(DESTDIR)$(PREFIX)
target = $(or $(CARGO_TARGET_DIR),target)
musl = $(shell uname -m)-unknown-linux-musl
built = $(target)/release
# Where `make` has put the three that can do without glibc. `sudo make install` may have no rustc to ask.
built_alone = $(shell cat $(target)/built-alone)
build = $(CARGO) build --release --locked
alone = -p racefree-pidfile -p racefree-withlock -p racefree-logwatch
tools = pidfile withlock waitfor
pages = $(filter-out docs/man/logwatch.1,$(wildcard docs/man/*.1))
documents = $(wildcard docs/*.md) docs/quickstart.sh docs/quickstart.txt
renamed = sed 's/\blogwatch\b/$(LOGWATCH)/g'

all:
	$(build) -p racefree-waitfor
	libc='$(LIBC)'; \
	if [ -z "$$libc" ] && [ -d "$$(rustc --print target-libdir --target $(musl) 2>&1)" ]; then libc=musl; fi; \
	if [ "$$libc" = musl ]; then \
		RUSTFLAGS='$(RUSTFLAGS) -C relocation-model=$(if $(PIE),pie,static)' $(build) --target $(musl) $(alone) && \
		echo '$(target)/$(musl)/release' >$(target)/built-alone; \
	else \
		$(build) $(alone) && echo '$(built)' >$(target)/built-alone; \
	fi

install:
	@test -f $(target)/built-alone || { echo "make install: nothing is built yet: run make first" >&2; exit 1; }
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

deb:
	sh packaging/deb

dist:
	sh packaging/dist

release:
	sh packaging/release

.PHONY: all install uninstall check deb dist release
