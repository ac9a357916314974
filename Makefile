# Commands for developers and operators. `make help` lists them.
.DEFAULT_GOAL := help
CARGO := cargo

.PHONY: help
help: ## list the recipes
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: start
start: ## start standalone LogPulse on http://127.0.0.1:8080
	$(CARGO) run --release

.PHONY: test
test: ## run all tests that need no services
	$(CARGO) test --workspace

.PHONY: test-crash
test-crash: ## kill LogPulse twenty times under load (release build)
	CRASH_ROUNDS=20 $(CARGO) test --release -p standalone --test crash -- --nocapture

.PHONY: test-full-disk
test-full-disk: ## fill a small disk, free space, and check the recovery (Linux; needs user namespaces or root)
	FULL_DISK=required $(CARGO) test --workspace --test full_disk --test low_disk -- --nocapture

# For each target.
FUZZ_SECONDS := 60
FUZZ_TARGETS := $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))

.PHONY: fuzz
# RUSTC_BOOTSTRAP lets the stable compiler measure coverage. The code has no `unsafe` for a sanitizer to check.
fuzz: export RUSTC_BOOTSTRAP := 1
fuzz: ## fuzz the query language, the text rules and the decoders of protocols, a minute each (cargo-fuzz)
	$(CARGO) fuzz build --dev --sanitizer none
	@printf '%s\n' $(FUZZ_TARGETS) | xargs -P 2 -I {} $(CARGO) fuzz run --dev --sanitizer none {} -- \
	  -max_total_time=$(FUZZ_SECONDS) -timeout=2 -max_len=4096

.PHONY: lint
lint: ## check formatting, clippy, rustdoc and the dependency rules
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-features --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --all-features --no-deps
	$(CARGO) deny --log-level error check bans licenses sources

.PHONY: bench
bench: ## benchmark standalone LogPulse and its baselines; PARTS="burst search" selects parts (takes minutes)
	$(CARGO) bench -p standalone --bench bench -- $(PARTS)

.PHONY: bench-code
bench-code: ## benchmark parsing, words, queries, decoders and the limiter without a server; FILTER=words selects benchmarks (takes minutes)
	$(CARGO) bench -p shared -p standalone --bench code -- $(FILTER)

.PHONY: bench-disk
bench-disk: services ## measure the disk space of entries in one process and in the services, those in the folder BENCH_ENTRIES if it is set (Docker; takes minutes)
	$(CARGO) bench -p standalone --bench bench -- disk
	$(CARGO) bench -p cluster --bench cluster -- disk

# WORKLOADS="post get" selects workloads, ROUNDS and SECONDS_EACH shorten the run.
.PHONY: bench-cluster
bench-cluster: services ## benchmark the functions with the real services, next to floors in the same run (oha, Docker; takes ten minutes)
	$(CARGO) bench -p cluster --bench cluster

.PHONY: bench-cost
bench-cost: ## measure the CPU time of an entry in each part of the running cluster, with the rate limiter off (oha; after make run)
	$(UNLIMITED) && BASE_URL=$(BASE_URL) $(CARGO) bench -p cluster --bench cluster -- cost

.PHONY: bench-drain
bench-drain: services ## compare how fast a consumer drains a backlog with how fast a bare loader writes it (Docker; takes minutes)
	$(CARGO) bench -p cluster --bench drain

.PHONY: openapi
openapi: ## regenerate openapi/openapi.json from the code
	$(CARGO) run -q -p openapi -- openapi/openapi.json

# OPENAPI=path checks another document; LOGPULSE=path uses an existing binary.
.PHONY: lint-openapi
lint-openapi: ## check openapi.json with Spectral, Redocly and vacuum (Node, Python)
	openapi/checks/lint

.PHONY: test-schemathesis
test-schemathesis: ## send generated requests to standalone LogPulse and check the responses against openapi.json (Python; takes a minute)
	openapi/checks/with-logpulse openapi/checks/test-schemathesis

.PHONY: test-swagger
test-swagger: ## execute every operation in Swagger UI (Node, Chromium); SCREENSHOT=path saves a screenshot
	DELETE_ENABLED=true openapi/checks/with-logpulse openapi/checks/test-swagger

.PHONY: check-explorer
check-explorer: ## check the explorer's page: types, lint, formatting, libraries and unit tests (Node)
	functions/explorer/checks/check

.PHONY: test-explorer
test-explorer: ## test the explorer's page in Chromium (Node); LOGPULSE_URL=url tests a running LogPulse, SCREENSHOTS=folder saves pictures
	$(if $(LOGPULSE_URL),,openapi/checks/with-logpulse) functions/explorer/checks/test-browser

.PHONY: test-clients
test-clients: ## generate clients from openapi.json and test them against LogPulse; CLIENTS="typescript python" selects clients (takes minutes)
	openapi/clients/run $(CLIENTS)

.PHONY: test-loggers
test-loggers: ## log to standalone LogPulse with real logging libraries and compare the entries; LOGGERS="python node" selects languages
	openapi/checks/with-logpulse deployments/loggers/run $(LOGGERS)

.PHONY: image-standalone
image-standalone: ## build the image logpulse/standalone (Docker)
	docker build --target standalone -t $(STANDALONE_IMAGE) .

.PHONY: test-standalone
test-standalone: image-standalone ## test the standalone image: size, start, stop and persistence (Docker)
	STANDALONE_IMAGE=$(STANDALONE_IMAGE) $(CARGO) test --workspace --test standalone_image -- --nocapture

STANDALONE_IMAGE := logpulse/standalone

# The cluster. Settings come from .env or the environment: HTTP_PORT=8088 make run
COMPOSE := docker compose --env-file .env -f deployments/compose.yaml
FUNCTIONS := $(notdir $(wildcard functions/*))
# The default port, :80, is omitted.
BASE_URL = http://$$($(COMPOSE) port nginx 8080 | sed 's/:80$$//')
K6 ?= k6

.PHONY: run
run: ## build and start the cluster, and wait until it is ready
	$(COMPOSE) build
	$(COMPOSE) up -d --wait || { echo "the cluster did not become ready; see make logs"; exit 1; }
	@$(COMPOSE) exec -T nginx nginx -s reload
	@echo "LogPulse is ready on $(BASE_URL); the documentation is at $(BASE_URL)/docs"

.PHONY: dashboards
dashboards: ## add OpenSearch Dashboards to the cluster
	$(COMPOSE) up -d --wait --no-deps --no-recreate dashboards
	$(COMPOSE) run --rm --no-deps index-pattern
	@echo "OpenSearch Dashboards: http://$$($(COMPOSE) port dashboards 5601)"

.PHONY: monitoring
monitoring: ## add Prometheus and Grafana to the cluster
	$(COMPOSE) up -d --wait --no-deps --no-recreate prometheus grafana
	@echo "Prometheus: http://$$($(COMPOSE) port prometheus 9090), Grafana: http://$$($(COMPOSE) port grafana 3000)"

.PHONY: stop
stop: ## stop the cluster; its volumes keep the data
	$(COMPOSE) --profile '*' down --remove-orphans

.PHONY: restart
# nginx skips a replica for two seconds after a failure, so three seconds later the replica is in use again.
restart: ## restart all replicas, or those of FUNCTION, one by one without failed requests
	@for replica in $$($(COMPOSE) ps -q $(or $(FUNCTION),$(FUNCTIONS))); do \
	  docker restart $$replica || exit 1; seconds=0; \
	  until docker inspect -f '{{.State.Health.Status}}' $$replica | grep -qx healthy; do \
	    seconds=$$((seconds + 1)); [ $$seconds -lt 120 ] || { echo "$$replica is not healthy after two minutes"; exit 1; }; sleep 1; \
	  done; \
	  sleep 3; \
	done

.PHONY: scale
scale: ## run N replicas of FUNCTION until the next `make run`: make scale FUNCTION=ingest N=4
	@[ -n "$(FUNCTION)" ] && [ -n "$(N)" ] || { echo "usage: make scale FUNCTION=ingest N=4"; exit 2; }
	$(COMPOSE) up -d --wait --no-deps --no-recreate --scale $(FUNCTION)=$(N) $(FUNCTION)

.PHONY: ps
ps: ## list the containers and their health
	$(COMPOSE) ps

.PHONY: logs
logs: ## follow all logs, or those of FUNCTION
	$(COMPOSE) logs -f --tail 100 $(FUNCTION)

.PHONY: check-consumers
check-consumers: ## show each partition's lag and consumer
	$(COMPOSE) exec -T kafka /opt/kafka/bin/kafka-consumer-groups.sh --bootstrap-server localhost:9092 --describe --group logpulse

.PHONY: backup
backup: ## back up the cluster's store while it runs, and only what has changed: make backup DIR=/backups/logpulse
	@[ -n "$(DIR)" ] || { echo "usage: make backup DIR=/backups/logpulse"; exit 2; }
	@deployments/cluster/backup "$(DIR)"

.PHONY: restore
restore: ## restore a backup to the services of an empty cluster (make services): make restore DIR=/backups/logpulse
	@[ -n "$(DIR)" ] || { echo "usage: make restore DIR=/backups/logpulse"; exit 2; }
	@deployments/cluster/restore "$(DIR)"

.PHONY: test-cluster
test-cluster: ## test the running cluster: acceptance, examples, nginx, footprint, persistence
	BASE_URL=$(BASE_URL) $(CARGO) test --workspace --test acceptance --test examples --test raw_requests
	BASE_URL=$(BASE_URL) $(CARGO) test --workspace --test nginx --test footprint -- --test-threads 1 --nocapture
	BASE_URL=$(BASE_URL) $(CARGO) test --workspace --test persistence

# Turns the rate limiter off, and on again at the end, even after a failure.
UNLIMITED = trap 'unset RATE_LIMIT_ENABLED; $(COMPOSE) up -d --wait' EXIT; trap 'exit 130' INT TERM; \
  export RATE_LIMIT_ENABLED=false; $(COMPOSE) up -d --wait

.PHONY: test-load
test-load: ## load the cluster while replicas crash, hang, restart and scale, with the rate limiter off (takes minutes)
	$(UNLIMITED) && BASE_URL=$(BASE_URL) $(CARGO) test --workspace --test load -- --nocapture

.PHONY: test-shippers
test-shippers: ## ship lines to the cluster with real shippers while replicas are killed and the queue is down; SHIPPERS="rsyslog" selects shippers
	$(UNLIMITED) && LOGPULSE_URL=$(BASE_URL) deployments/shippers/run $(SHIPPERS)

.PHONY: k6-smoke
k6-smoke: ## make each call once and check the responses
	$(K6) run -e BASE_URL=$(BASE_URL) k6/smoke.js

.PHONY: k6-stress
k6-stress: ## run 600 users for seven minutes, with the rate limiter off (DURATION_SCALE=0.1 shortens it)
	$(UNLIMITED) && $(K6) run -e BASE_URL=$(BASE_URL) k6/stress.js

.PHONY: k6-ratelimit
k6-ratelimit: ## send 400 requests/s from one client and count those allowed
	$(K6) run -e BASE_URL=$(BASE_URL) k6/ratelimit.js

.PHONY: services
services: ## start only Kafka, MySQL, Redis and OpenSearch, and wait until they are healthy
	$(COMPOSE) up -d --wait kafka mysql redis opensearch

# `--workspace` builds with the same features as `make test`, which avoids building twice.
FAULTS := acceptance telemetry first_start outages poison rate_limit reindex retention deletion backup oracle

.PHONY: test-agreement
test-agreement: export LOGPULSE_TEST_SERVICES := required
test-agreement: services ## compare both indexes with a plain scan, with 20,000 random queries each (Docker; takes minutes)
	PROPTEST_CASES=20000 $(CARGO) test --workspace --test contract random_queries

.PHONY: test-services
test-services: export LOGPULSE_TEST_SERVICES := required
test-services: services ## run contract suites, acceptance tests and fault tests against the real services (Docker; takes minutes)
	$(CARGO) test --workspace --test contract
	$(CARGO) test --workspace --lib opensearch
	$(CARGO) test --workspace $(addprefix --test ,$(FAULTS)) -- --test-threads 1 --nocapture
