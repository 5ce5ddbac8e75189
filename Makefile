# Tidegate: the two commands are `make up` and `make test`. `make help` lists the rest.
GO        ?= go
# Where go.dev's archive lands; sudo's PATH on Debian does not have it.
export PATH := $(PATH):/usr/local/go/bin
export CGO_ENABLED ?= 0
# One set of flags for every command, so that what one has compiled the next finds in the cache.
export GOFLAGS += -trimpath

.DEFAULT_GOAL := help
.PHONY: help deps build up down test test-go lint geodata bench-geo bench-main bench-solve bench-steering bench-faults fuzz-geo

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

deps: ## install the Debian packages that the development cluster and the tests use
	deploy/deps.sh

build: ## build the programs into bin/
	$(GO) build -o bin/ ./cmd/...

up: deps ## build and start everything on this machine, wait for the sample's answer
	cd deploy && $(GO) run ./dev up

down: ## stop what `make up` started, and leave nothing behind
	cd deploy && $(GO) run ./dev down

test: deps lint build test-go ## run every test that CI runs

# Packages without a goroutine.
SINGLE := /(geodata(/load)?|gslb/(steer|solve|load|loop|sim(/.*)?))$$

test-go:
	@command -v haproxy >/dev/null || echo "left out: the tests that drive a real HAProxy (make deps installs it)"
	@# These start no goroutine: the race detector would find nothing there, and takes minutes.
	$(GO) test $$($(GO) list ./... | grep -E '$(SINGLE)')
	$(GO) test -run '^TestReference$$' ./plugin/tidegate
	CGO_ENABLED=1 $(GO) test -race -skip '^TestReference$$' $$($(GO) list ./... | grep -vE '$(SINGLE)')
	cd deploy && CGO_ENABLED=1 $(GO) test -race $$($(GO) list ./... | grep -v /e2e$$)
	@# -v: they say what they leave out; -count=1: the programs that they run are not in the cache's key.
	cd deploy && CGO_ENABLED=1 $(GO) test -race -v -count=1 -timeout 25m ./e2e
	cd deploy && BUS=external CGO_ENABLED=1 $(GO) test -race -v -count=1 -timeout 10m -run 'TestBus|WithoutItsDisk' ./e2e

lint: ## gofmt, go vet (amd64 and arm64), staticcheck and the layer test
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	@# Nothing runs what is compiled for this, so it need not be optimised: that saves a quarter of the time.
	GOARCH=arm64 $(GO) vet -gcflags='all=-N -l' ./...
	cd deploy && $(GO) vet ./...
	$(GO) build -o bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	bin/staticcheck ./...
	cd deploy && ../bin/staticcheck ./...
	$(GO) test -run 'TestLayers|TestPackageDocs' .

geodata: ## build the embedded geo table again from DB-IP Lite
	$(GO) run ./geodata/embedded/generate -cache .cache/geodata -o geodata/embedded/table.tidegeo

bench-geo: deps ## the geo data's figures, beside gdnsd
	$(GO) run ./geodata/bench -cache .cache/geodata
	TIDEGATE_GEO_SWAPS=1000 $(GO) test -count=1 -v -run TestGeoSwapsUnderQueries ./gslb/node

fuzz-geo: ## fuzz the readers of geo data for RUNS inputs each, and add to the tally
	geodata/bench/fuzz.sh

bench-solve: ## the solver's figures, beside clp
	$(GO) run ./gslb/solve/bench

bench-steering: ## the figures of steering: the loop beside other traffic managers' rules, the solver, decisions, explain
	$(GO) run ./gslb/sim/bench
	$(GO) run ./gslb/solve/bench
	TIDEGATE_EXPLAIN_QUERIES=100000 $(GO) test -count=1 -v -run '^TestExplainEqualsDig$$' ./plugin/tidegate

bench-faults: ## random faults in the simulator: 1,000 small worlds and 20 large ones, and the tally
	$(GO) run ./gslb/sim/bench/faults

bench-main: ## the main job's figures
	cd deploy && $(GO) run ./bench/main
