# The commands a person types. `make help` lists them.
.DEFAULT_GOAL := help
CARGO := cargo

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

.PHONY: openapi
openapi: ## write openapi/openapi.json anew from the code
	$(CARGO) run -q -p openapi -- openapi/openapi.json

COMPOSE := docker compose --env-file .env -f deployments/compose.yaml

.PHONY: services
services: ## start Kafka, MySQL, Redis and OpenSearch alone, and wait until they are healthy
	$(COMPOSE) up -d --wait kafka mysql redis opensearch

.PHONY: stop-services
stop-services: ## stop the services; their data stays
	$(COMPOSE) down

# All of the workspace, so that nothing is built twice.
CLUSTER_TESTS := $(basename $(notdir $(wildcard deployments/cluster/tests/*.rs)))

.PHONY: test-services
test-services: export LOGPULSE_TEST_SERVICES := required
test-services: services ## contract suites, journey and faults on the real services (Docker; minutes)
	$(CARGO) test --workspace --test contract
	$(CARGO) test --workspace $(addprefix --test ,$(CLUSTER_TESTS)) -- --test-threads 1 --nocapture
