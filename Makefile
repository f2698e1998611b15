# make run     build, and start a demo server on http://127.0.0.1:8080
# make build   build bin/ostiary and bin/ostiary-authenticator
# make test    check formatting, vet, and run all tests
# make fuzz    fuzz every parser; FUZZTIME=1m each by default, FUZZ=./pskc for one package
# make soak    the long runs: parallel codes under the race detector, crashes
# make bench   measurements, side by side; docs/benchmarks.md keeps the figures

GO       ?= go
FUZZTIME ?= 1m
FUZZ     ?= ./...
export CGO_ENABLED = 0

.PHONY: run build test tools fuzz soak bench

build:
	$(GO) build -trimpath -o bin/ ./cmd/ostiary ./cmd/ostiary-authenticator

run: build
	bin/ostiary serve --demo

test: tools build
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) test ./...

# What the tests use beyond Go, from Debian packages: independent programs that
# write and sign seed files, play tokens, compute the activation vectors, draw and
# read QR codes, print letters, run WebAssembly, give a command a terminal, and one
# that watches system calls.
tools:
	@tools/need oathtool:oathtool strace:strace curl:curl python3-pskc:/usr/lib/python3/dist-packages/pskc pskctool:pskctool \
		xmlsec1:xmlsec1 openssl:openssl bsdutils:script zbar-tools:zbarimg librsvg2-bin:rsvg-convert poppler-utils:pdftoppm nodejs:node \
		python3-cryptography:/usr/lib/python3/dist-packages/cryptography python3-argon2:/usr/lib/python3/dist-packages/argon2

fuzz:
	tools/fuzz $(if $(PARALLEL),-parallel $(PARALLEL)) $(FUZZTIME) $(FUZZ)

# The race detector watches our code; SQLite's own, which is C in translation and
# runs on one goroutine, is left out, because it takes three quarters of the time.
RACE = -race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false -count=1 -timeout 3h

soak:
	CGO_ENABLED=1 OSTIARY_SOAK_ROUNDS=1000 $(GO) test $(RACE) -parallel 4 -run Parallel -v ./internal/engine/codes
	CGO_ENABLED=1 $(GO) test $(RACE) ./...
	$(GO) test -count=1 -timeout 3h -run 'Model|AnyHistory' -v ./internal/engine/lifecycle ./internal/engine/activations -rapid.seed=0 -rapid.checks=300
	OSTIARY_SOAK_KILLS=100 $(GO) test -count=1 -timeout 3h -run Kill -v ./e2e
	OSTIARY_SOAK_SERIALS=100000 $(GO) test -count=1 -timeout 3h -run ManyCreators -v ./e2e

bench: build
	$(GO) test -run '^$$' -bench . -benchtime 1s ./oath
	$(GO) run ./bench/import
	$(GO) run ./bench/verify
	$(GO) run ./bench/state
	$(GO) run ./bench/activations
	$(GO) run ./bench/typedcode -n 10000000
