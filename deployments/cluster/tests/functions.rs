//! Every deployment file that lists functions must list all of them.

use cluster::functions;

const COMPOSE: &str = include_str!("../../compose.yaml");
const NGINX: &str = include_str!("../../../nginx/nginx.conf");
const PROMETHEUS: &str = include_str!("../../monitoring/prometheus/prometheus.yml");

#[test]
fn compose_runs_and_prometheus_scrapes_every_function() {
    for function in functions() {
        let service = COMPOSE.contains(&format!("\n  {function}:\n"));
        assert!(service, "{function}: add it to deployments/compose.yaml");
        let target = PROMETHEUS.contains(&format!("names: [{function}]"));
        assert!(target, "{function}: add it to deployments/monitoring/prometheus/prometheus.yml");
    }
}

#[test]
fn nginx_routes_to_every_function_but_the_consumer() {
    for function in functions().iter().filter(|function| *function != "consumer") {
        let upstream = NGINX.contains(&format!("upstream {function} "));
        assert!(upstream, "{function}: add it to nginx/nginx.conf");
    }
}
