# Every target installs what it lacks first (tools/setup.sh: Debian packages, node_modules); `make` alone lists them.

BUN := node_modules/.bin/bun
# What ends up in the executable; tests do not.
SOURCES := $(shell find src -name '*.ts' ! -name '*.test.ts' ! -name '*.guest.ts')
PLUGINS := $(shell cat tools/plugins.txt)
NATIVE := dist/native/twill_native.so
# Files that sources import: they are there before anything is checked, tested or built.
PACKET_PATH := dist/bpf/twill.bpf.o
GENERATED := $(NATIVE) $(PACKET_PATH) dist/kube/definitions.openapi
SHIMS := $(PLUGINS:%=dist/cni/bin/%) dist/cni/bin/twill
INSTALLED := $(SHIMS) dist/cni/bin/twill-standalone

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help setup demo lab test test-long build check bench bench-lab clean setup-check setup-build setup-test setup-demo setup-bench

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## Installs everything that any target needs
	@tools/setup.sh check build test demo bench

demo: setup-demo build ## Shows a cluster of three nodes with a small shop in it, and removes it again
	@$(BUN) tools/demo.ts

lab: setup-demo build ## Starts the same cluster, leaves it running, and says what to try
	@$(BUN) tools/lab.ts

test: setup-test build ## Runs all tests; T=src/net runs those whose path contains it
	@$(BUN) tools/test.ts $(T)

test-long: export TWILL_LONG := 1
test-long: test ## Runs all tests in their long form

build: $(INSTALLED) dist/twill-pod ## Builds dist/twill, dist/twill-cni, dist/twill-pod and dist/cni/bin/

check: $(GENERATED) ## Format, lint, types and the rules of the repository
	@$(BUN) tools/check.ts

bench: setup-bench build ## Measures the plugins, the packet path, policies and services beside others, and draws docs/pictures/
	@$(BUN) bench/cni.ts
	@$(BUN) bench/agent.ts
	@$(BUN) bench/path.ts
	@$(BUN) bench/policy.ts
	@$(BUN) bench/policy-model.ts
	@$(BUN) bench/policy-try.ts
	@$(BUN) bench/services.ts
	@$(BUN) bench/services-model.ts
	@$(BUN) bench/programs.ts
	@$(BUN) bench/picture.ts

bench-lab: setup-demo build ## Measures the lab: until Ready, memory, lists of a thousand pods, policies in force
	@$(BUN) bench/lab.ts
	@$(BUN) bench/policy-latency.ts

clean: ## Removes all that was built or downloaded, but for node_modules
	rm -rf dist .cache

setup-check setup-build setup-test setup-demo setup-bench: setup-%:
	@tools/setup.sh $*

$(NATIVE): src/kernel/native/twill_native.c | setup-check
	@mkdir -p $(@D)
	gcc -std=gnu11 -shared -fPIC -O2 -s -Wall -Wextra -Werror -o $@ $<

$(PACKET_PATH): $(wildcard bpf/*) | setup-check
	@mkdir -p $(@D)
	bpf/build.sh $@

# Writes dist/kube/descriptions.openapi as well.
dist/kube/definitions.openapi: tools/kube-schema.ts $(wildcard tools/kube-schema/*) src/lab/apiserver/protobuf/fields.txt package-lock.json | setup-check
	$(BUN) $<

dist/twill-cni: $(wildcard shim/*) | setup-build
	@mkdir -p $(@D)
	shim/build.sh $@

dist/twill-pod: $(wildcard pod/*) | setup-build
	@mkdir -p $(@D)
	pod/build.sh $@

# Built aside: an interrupted build leaves no half executable behind.
dist/twill: $(SOURCES) $(GENERATED) deploy/accounts.yaml package.json package-lock.json | setup-build
	@mkdir -p dist/build
	$(BUN) build --compile --bytecode --splitting --format=esm --minify --no-compile-autoload-dotenv --no-compile-autoload-bunfig \
	  src/cli/main.ts --outfile dist/build/twill
	mv dist/build/twill $@

$(SHIMS): dist/twill-cni
	@mkdir -p $(@D)
	@ln -f $< $@

# What the shim becomes when no service answers.
dist/cni/bin/twill-standalone: dist/twill
	@mkdir -p $(@D)
	@ln -f $< $@
