# The commands a person types. `make help` lists them.
.DEFAULT_GOAL := help
CARGO := cargo

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: start
start: ## start standalone LogPulse on http://127.0.0.1:8080
	$(CARGO) run --release

.PHONY: test
test: ## every test; needs no service
	$(CARGO) test --workspace

.PHONY: test-crash
test-crash: ## kill -9 twenty times under load (release build)
	CRASH_ROUNDS=20 $(CARGO) test --release -p standalone --test crash -- --nocapture

.PHONY: test-full-disk
test-full-disk: ## fill a small tmpfs and go on when there is room (Linux, needs user namespaces or root)
	FULL_DISK=required $(CARGO) test --workspace --test full_disk -- --nocapture

.PHONY: lint
lint: ## formatting, clippy, rustdoc, and the rules for dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-features --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --all-features --no-deps
	$(CARGO) deny --log-level error check bans licenses sources

.PHONY: bench
bench: ## measure standalone LogPulse next to its floors (minutes)
	$(CARGO) bench -p standalone --bench bench

.PHONY: bench-drain
bench-drain: services ## measure how fast a consumer drains a backlog, next to a bare loader (Docker; minutes)
	$(CARGO) bench -p cluster --bench drain

.PHONY: openapi
openapi: ## write openapi/openapi.json anew from the code
	$(CARGO) run -q -p openapi -- openapi/openapi.json

# The cluster. Settings come from .env, or from the shell: HTTP_PORT=8088 make run
COMPOSE := docker compose --env-file .env -f deployments/compose.yaml
FUNCTIONS := $(notdir $(wildcard functions/*))
# Without the port that http has anyway.
BASE_URL = http://$$($(COMPOSE) port nginx 8080 | sed 's/:80$$//')
K6 ?= k6

.PHONY: run
run: ## build and start the whole cluster, wait until it is ready, say where it is
	$(COMPOSE) build
	$(COMPOSE) up -d --wait
	@$(COMPOSE) exec -T nginx nginx -s reload
	@echo "LogPulse is ready on $(BASE_URL), its documentation on $(BASE_URL)/docs"

.PHONY: dashboards
dashboards: ## OpenSearch Dashboards beside the cluster
	$(COMPOSE) up -d --wait --no-deps --no-recreate dashboards
	$(COMPOSE) run --rm --no-deps index-pattern
	@echo "OpenSearch Dashboards: http://$$($(COMPOSE) port dashboards 5601)"

.PHONY: monitoring
monitoring: ## Prometheus and Grafana beside the cluster
	$(COMPOSE) up -d --wait --no-deps --no-recreate prometheus grafana
	@echo "Prometheus: http://$$($(COMPOSE) port prometheus 9090), Grafana: http://$$($(COMPOSE) port grafana 3000)"

.PHONY: stop
stop: ## stop the cluster; its data stays, in volumes
	$(COMPOSE) --profile '*' down --remove-orphans

.PHONY: restart
# After three seconds nginx asks a replica again that it could not ask.
restart: ## restart each replica of FUNCTION (or of all), one after the other: no request fails
	@for replica in $$($(COMPOSE) ps -q $(or $(FUNCTION),$(FUNCTIONS))); do \
	  docker restart $$replica || exit 1; seconds=0; \
	  until docker inspect -f '{{.State.Health.Status}}' $$replica | grep -qx healthy; do \
	    seconds=$$((seconds + 1)); [ $$seconds -lt 120 ] || { echo "$$replica does not get healthy"; exit 1; }; sleep 1; \
	  done; \
	  sleep 3; \
	done

.PHONY: scale
scale: ## run N replicas of FUNCTION until the next `make run`: make scale FUNCTION=ingest N=4
	@[ -n "$(FUNCTION)" ] && [ -n "$(N)" ] || { echo "say which and how many: make scale FUNCTION=ingest N=4"; exit 2; }
	$(COMPOSE) up -d --wait --no-deps --no-recreate --scale $(FUNCTION)=$(N) $(FUNCTION)

.PHONY: ps
ps: ## what runs, and how it is
	$(COMPOSE) ps

.PHONY: logs
logs: ## follow the log, of FUNCTION or of all
	$(COMPOSE) logs -f --tail 100 $(FUNCTION)

.PHONY: check-consumers
check-consumers: ## lag and owner of each partition
	$(COMPOSE) exec -T kafka /opt/kafka/bin/kafka-consumer-groups.sh --bootstrap-server localhost:9092 --describe --group logpulse

.PHONY: test-cluster
test-cluster: ## acceptance tests, the README's and apiTest.http's calls, nginx, idle memory, and a stop, on the running cluster
	BASE_URL=$(BASE_URL) $(CARGO) test --workspace --test acceptance --test examples
	BASE_URL=$(BASE_URL) $(CARGO) test --workspace --test nginx --test footprint -- --test-threads 1 --nocapture
	BASE_URL=$(BASE_URL) $(CARGO) test --workspace --test persistence

# The limiter comes back whatever happens.
UNLIMITED = trap 'unset RATE_LIMIT_ENABLED; $(COMPOSE) up -d --wait' EXIT; trap 'exit 130' INT TERM; \
  export RATE_LIMIT_ENABLED=false; $(COMPOSE) up -d --wait

.PHONY: test-load
test-load: ## the cluster, limiter off, under load while replicas die, hang, restart and scale (minutes)
	$(UNLIMITED) && BASE_URL=$(BASE_URL) $(CARGO) test --workspace --test load -- --nocapture

.PHONY: k6-smoke
k6-smoke: ## one of everything, checked
	$(K6) run -e BASE_URL=$(BASE_URL) k6/smoke.js

.PHONY: k6-stress
k6-stress: ## 600 users for seven minutes, limiter off meanwhile; DURATION_SCALE=0.1 is shorter
	$(UNLIMITED) && $(K6) run -e BASE_URL=$(BASE_URL) k6/stress.js

.PHONY: k6-ratelimit
k6-ratelimit: ## 400 requests a second of one client: how many are allowed
	$(K6) run -e BASE_URL=$(BASE_URL) k6/ratelimit.js

.PHONY: services
services: ## start Kafka, MySQL, Redis and OpenSearch alone, and wait until they are healthy
	$(COMPOSE) up -d --wait kafka mysql redis opensearch

# All of the workspace, so that nothing is built twice.
FAULTS := acceptance telemetry first_start outages poison rate_limit oracle

.PHONY: test-services
test-services: export LOGPULSE_TEST_SERVICES := required
test-services: services ## contract suites, acceptance tests and faults on the real services (Docker; minutes)
	$(CARGO) test --workspace --test contract
	$(CARGO) test --workspace $(addprefix --test ,$(FAULTS)) -- --test-threads 1 --nocapture
