# A face for those who type make; CMake does the work. Bare `make` explains itself.
PRESETS = release dev asan tsan
PREFIX ?= /usr/local

help:
	@echo 'make release      build/release/bin/restain, optimised'
	@echo 'make dev          the same for work: checks on, warnings are errors'
	@echo 'make asan, tsan   the same under the address and undefined, or the thread sanitizer'
	@echo 'make check        ./check: build, test, count (under 15 minutes on two cores)'
	@echo 'make check-all    both compilers, sanitizers, long tests, linters, fuzzing (hours)'
	@echo 'make fuzz         every parser fuzzed for FUZZ_SECONDS (60)'
	@echo 'make lint         clang-tidy and cppcheck'
	@echo 'make bench        side by side with PyTorch and others; results belong into doc/speed.md'
	@echo 'make results      doc/results.md: every row of the tables on synthetic pairs (hours; may be stopped and goes on)'
	@echo 'make format       clang-format 14 over the sources'
	@echo 'make install      library, headers, command, man pages into PREFIX ($(PREFIX)), below DESTDIR'
	@echo 'make clean        remove build/'
	@echo
	@echo './demo shows restain at work; ./check installs what is missing (apt-get) and checks it.'

$(PRESETS):
	cmake --preset $@
	cmake --build --preset $@

check:
	./check

check-all:
	sh scripts/check-all.sh

fuzz:
	sh scripts/install-deps.sh build all
	sh scripts/fuzz.sh $(or $(FUZZ_SECONDS),60)

lint:
	sh scripts/install-deps.sh build all
	sh scripts/lint.sh

bench: release
	sh scripts/install-deps.sh build bench
	sh bench/run.sh build/release/bin
	sh bench/evaluate.sh build/release/bin
	sh bench/slide.sh build/release/bin

results: release
	sh scripts/results.sh

format:
	find $(wildcard src include tests examples bench) -name '*.[ch]' -print0 | \
		xargs -0 "$$(sh scripts/clang-tool.sh clang-format)" -i

install: release
	cmake --install build/release --prefix $(PREFIX)

clean:
	rm -rf build

.PHONY: help $(PRESETS) check check-all fuzz lint bench results format install clean
