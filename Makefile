# make run     build, and start a demo server on http://127.0.0.1:8080
# make build   build bin/ostiary and bin/ostiary-authenticator
# make web     bundle scripts and style sheet anew, after a change in web/console
# make test    formatting, vet, staticcheck, all tests and their coverage, and short
#              runs of the race detector, the mutations and the fuzzing
# make lint    staticcheck and golangci-lint
# make race    the race detector over the packages where goroutines meet
# make mutate  break the lines that keep the promises, one at a time
# make fuzz    fuzz every parser; FUZZTIME=1m each by default, FUZZ=./pskc for one package
# make soak    the long runs: lint, mutate, parallel codes under the race detector, crashes
# make bench   measurements, side by side; docs/benchmarks.md keeps the figures

GO       ?= go
FUZZTIME ?= 1m
FUZZ     ?= ./...
export CGO_ENABLED = 0

.PHONY: run build web types test tools lint staticcheck vulns race mutate mutate-quick fuzz fuzz-short soak bench

build:
	$(GO) build -trimpath -o bin/ ./cmd/ostiary ./cmd/ostiary-authenticator

# What it makes is checked in: the program builds without it.
web:
	tools/web

run: build
	bin/ostiary serve --demo

# Of the end-to-end tests those that also run with a database of PostgreSQL: codes, imports,
# activations and moves. make soak runs all that are not about files.
BOTH = ^Test(Journey|SameCode|SameToken|TwoImports|SameFileTwice|ImportUnderLoad|PhoneOnline|SameReceipt|MovingScript|Enrolment|Stop)$$

# The end-to-end tests build the programs, as the other tests build their packages: paths
# and all, so that nothing is compiled twice.
test: export OSTIARY_BROWSER = required
test: tools staticcheck types
	@mkdir -p bin
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) test -timeout 30m -coverprofile=bin/cover.out ./...
	$(GO) run ./tools/cover tools/cover/floors.txt bin/cover.out
	OSTIARY_TEST_DATABASE=postgres $(GO) test -run '$(BOTH)' ./e2e
	$(MAKE) --no-print-directory race mutate-quick fuzz-short vulns

types: tools
	web/node_modules/.bin/tsc -p web

# The linters are programs with versions of their own, in module files beside ours.
staticcheck:
	$(GO) tool -modfile=tools/lint.mod staticcheck ./...

# golangci-lint takes minutes to build, so it is no part of make test.
lint: staticcheck
	$(GO) tool -modfile=tools/golangci.mod golangci-lint run ./...

vulns:
	tools/vulns

# What the tests use beyond Go, from Debian packages: independent programs that
# write and sign seed files, play tokens, compute the activation vectors, draw and
# read QR codes, print letters, run WebAssembly, give a command a terminal, one that
# watches system calls, PostgreSQL, of which tests start servers, with its pooler, and a
# browser. The race detector needs a C compiler. From npm comes what drives the browser,
# what looks at its pages, and what checks the types of the scripts.
tools:
	@tools/need gcc:gcc libc6-dev:/usr/include/stdlib.h oathtool:oathtool strace:strace curl:curl python3-pskc:/usr/lib/python3/dist-packages/pskc pskctool:pskctool \
		xmlsec1:xmlsec1 openssl:openssl bsdutils:script zbar-tools:zbarimg librsvg2-bin:rsvg-convert poppler-utils:pdftoppm nodejs:node \
		python3-cryptography:/usr/lib/python3/dist-packages/cryptography python3-argon2:/usr/lib/python3/dist-packages/argon2 \
		'postgresql:/usr/lib/postgresql/*/bin/initdb' pgbouncer:pgbouncer \
		chromium:chromium npm:npm
	@test web/node_modules/.package-lock.json -nt web/package-lock.json || \
		npm --prefix web ci --ignore-scripts --no-audit --no-fund

fuzz:
	tools/fuzz $(if $(PARALLEL),-parallel $(PARALLEL)) $(FUZZTIME) $(FUZZ)

# The race detector watches our code; SQLite's own, which is C in translation and
# runs on one goroutine, is left out, because it takes three quarters of the time.
RACE = -race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false -count=1 -timeout 3h

# Of those packages the tests in which goroutines meet, by their names, in few
# rounds; make soak runs all of them in many.
MEET = Parallel|Racing|Together|Beside|During|InFlight|AtATime|AtOnce|Queue|Awaited|Overtaken|Meanwhile|Loses|Events|StartAndStop
# Of what every database must do, the groups in which they meet.
MEETING = Transactions|Contexts|Candidates|Coherence|Quiet|Concurrency

race:
	CGO_ENABLED=1 OSTIARY_SOAK_ROUNDS=5 $(GO) test $(RACE) -short -run '$(MEET)' $$(tools/racing)
	CGO_ENABLED=1 $(GO) test $(RACE) -short -run 'TestConformance$$/($(MEETING))' ./internal/store/sqlite

fuzz-short:
	tools/fuzz -parallel 1 -jobs 2 5s

mutate:
	$(GO) run ./tools/mutate

mutate-quick:
	$(GO) run ./tools/mutate -quick

soak: lint mutate
	CGO_ENABLED=1 OSTIARY_SOAK_ROUNDS=1000 $(GO) test $(RACE) -parallel 4 -run Parallel -v ./internal/engine/codes
	CGO_ENABLED=1 $(GO) test $(RACE) ./...
	$(GO) test -count=1 -timeout 3h -run 'Model|AnyHistory' -v ./internal/engine/lifecycle ./internal/engine/activations -rapid.seed=0 -rapid.checks=300
	OSTIARY_SOAK_TINY=1 $(GO) test -count=1 -timeout 3h -run TinyCache ./internal/store/sqlite
	OSTIARY_SOAK_POSTGRES=1 $(GO) test -count=1 -timeout 3h -run Conformance ./internal/store/postgres
	$(GO) test -count=10 -timeout 3h -run FailOver -v ./internal/store/postgres
	$(GO) test -count=10 -timeout 3h -run '^Test(FailOver|Network)' -v ./e2e
	OSTIARY_TEST_DATABASE=postgres OSTIARY_SOAK_KILLS=30 $(GO) test -count=1 -timeout 3h ./e2e
	OSTIARY_SOAK_KILLS=100 $(GO) test -count=1 -timeout 3h -run Kill -v ./e2e
	OSTIARY_SOAK_SERIALS=100000 $(GO) test -count=1 -timeout 3h -run ManyCreators -v ./e2e

bench: build
	$(GO) test -run '^$$' -bench . -benchtime 1s ./oath
	$(GO) run ./bench/import
	$(GO) run ./bench/verify
	$(GO) run ./bench/state
	$(GO) run ./bench/lists
	$(GO) run ./bench/activations
	$(GO) run ./bench/timing
	$(GO) run ./bench/typedcode -n 10000000
