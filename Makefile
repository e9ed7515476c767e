# One short target a job. Tools are found on PATH or in $(BIN).
BIN     ?= $(HOME)/.cache/weir-tools/bin
GO      ?= go
NAME    ?= default
NODES   ?= 1
VERSION ?= 4.3.1
export PATH := $(BIN):$(PATH)

.PHONY: tour test test-kill test-kill-kafka chaos lint kafka-up kafka-down kafka-registry-up kafka-registry-down test-kafka test-kafka-jvm bench pgo fuzz fuzz-compat docs snapshot tools

test: ## everything that needs only Go
	$(GO) test ./...

lint: tools ## formatting, vet, golangci-lint
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	golangci-lint run

kafka-up: ## a real Apache Kafka: NAME= NODES=1|3 VERSION=4.3.1|3.9.1|2.8.2
	$(GO) run ./internal/kafkatest/kafkaup up -name $(NAME) -nodes $(NODES) -version $(VERSION)

kafka-down:
	$(GO) run ./internal/kafkatest/kafkaup down -name $(NAME)

kafka-registry-up: ## an Apicurio Registry, for the registry commands
	$(GO) run ./internal/kafkatest/kafkaup registry-up

kafka-registry-down:
	$(GO) run ./internal/kafkatest/kafkaup registry-down

test-kafka: ## the scripts against the Kafka that kafka-up started
	@test -e .kafka/registry/env && . ./.kafka/registry/env; . ./.kafka/$(NAME)/env && \
	  WEIR_TEST_KAFKA_TOOLS="$$($(GO) run ./internal/kafkatest/kafkaup tools -version $$WEIR_TEST_VERSION)" \
	  $(GO) test -count=1 ./cmd/... ./internal/kafkatest/... ./demo/... ./registry/... ./compat/ ./lag/

FRAMEWORKS ?=
test-kafka-jvm: ## real frameworks write dead letters, weir puts them back: FRAMEWORKS="spring=3.3.11" for other versions
	@dir="$${XDG_CACHE_HOME:-$$HOME/.cache}/weir-test/frameworks"; trap '$(MAKE) -s kafka-down NAME=jvm' EXIT INT TERM; \
	  internal/kafkatest/frameworks/prepare "$$dir" $(FRAMEWORKS) && $(MAKE) -s kafka-up NAME=jvm && . ./.kafka/jvm/env && \
	  WEIR_TEST_JVM="$$dir" $(GO) test -count=1 -timeout 15m ./internal/kafkatest/frameworks

KILLS ?= 200
test-kill: ## SIGKILL replayers KILLS times on embedded brokers with moving leaders, and count
	WEIR_TEST_KILLS=$(KILLS) $(GO) test -count=1 -run '^TestKill$$' -timeout 60m -v ./dlt

test-kill-kafka: ## the same and the faults on the three brokers of kafka-up NODES=3, killing brokers too
	$(GO) build -o .kafka/kafkaup ./internal/kafkatest/kafkaup
	. ./.kafka/$(NAME)/env && WEIR_TEST_KILLS=$(KILLS) WEIR_TEST_KAFKAUP="$(CURDIR)/.kafka/kafkaup -name $(NAME)" \
	  $(GO) test -count=1 -run '^(TestKill|TestFaults)$$' -timeout 60m -v ./dlt

chaos: ## plan, lag and a replay while the three brokers of kafka-up NODES=3 are killed and started
	$(GO) build -o .kafka/kafkaup ./internal/kafkatest/kafkaup
	. ./.kafka/$(NAME)/env && WEIR_TEST_ROOT="$(CURDIR)" WEIR_TEST_KAFKAUP="$(CURDIR)/.kafka/kafkaup -name $(NAME)" \
	  $(GO) test -count=1 -run '^TestChaos$$' -timeout 20m -v ./cmd

COUNT ?= 5
MACHINE ?= $(shell nproc) cores of $(shell sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(shell free -g | awk '/^Mem/{print $$2}') GB
bench: tools ## benchmarks of every promise, written to docs/benchmarks.md; kafka-up NAME=bench NODES=3 adds real brokers
	$(GO) test -run '^$$' -bench . -benchmem -count $(COUNT) -timeout 90m -p 1 ./... | tee bench.out
	@if [ -e .kafka/bench/env ]; then . ./.kafka/bench/env; echo 'cluster: real' >>bench.out; \
	  $(GO) test -run '^$$' -bench '^BenchmarkReplay$$' -count $(COUNT) -timeout 30m ./dlt | tee -a bench.out; fi
	benchstat bench.out >bench.stat
	$(GO) run ./internal/gen/benchmarks -in bench.out -stat bench.stat -machine '$(MACHINE)'

pgo: ## default.pgo, by which go build optimises: starting, the gate, reading dead letters
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	  profile() { $(GO) test -trimpath -run '^$$' -bench "$$3" -benchtime "$$2" -cpuprofile "$$dir/$$(basename $$1).prof" -o "$$dir/t" "./$$1"; } && \
	  profile cmd 20s 'Start$$' && profile compat 5s 'Gate$$|Check$$' && profile catalog 5s 'OneDocument|Catalog8k$$' && profile dlt 5s 'Inspect$$|TriageAdd|Map$$' && \
	  $(GO) tool pprof -proto "$$dir"/*.prof >default.pgo

FUZZTIME ?= 10m
fuzz: ## every fuzz target, two at a time, FUZZTIME each
	.ci/fuzz $(FUZZTIME)

MESSAGES ?= 1000000
fuzz-compat: ## verdicts against random messages, MESSAGES a format; none may contradict a proof
	WEIR_FUZZ_COMPAT=$(MESSAGES) $(GO) test -count=1 -timeout 120m -v -run 'TestRandom|TestProperty' ./compat/...

docs: ## the command reference, list of rules, JSON Schemas, man pages and completions
	$(GO) run ./internal/gen -docs docs/reference -out dist-extra

snapshot: tools ## what a release would publish
	goreleaser release --snapshot --clean --skip=docker,sbom,sign

tools: ## linters and release tools, once
	@.ci/tools $(BIN)

tour: ## the recording of the tour that the README shows
	$(GO) run . demo | sed -E 's#/tmp/weir-demo-[0-9]+#/tmp/weir-demo#g; s#127\.0\.0\.1:[0-9]+#127.0.0.1:19092#g' > docs/tour.txt
	$(GO) run ./internal/gen -tour docs/tour.txt
