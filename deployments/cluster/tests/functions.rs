//! Every deployment file that lists functions must list all of them.

use cluster::functions;

const COMPOSE: &str = include_str!("../../compose.yaml");
const NGINX: &str = include_str!("../../../nginx/nginx.conf");
const PROMETHEUS: &str = include_str!("../../monitoring/prometheus/prometheus.yml");

#[test]
fn compose_runs_and_prometheus_scrapes_every_function() {
    for function in functions() {
        let has_service = COMPOSE.contains(&format!("\n  {function}:\n"));
        assert!(has_service, "{function}: add it to deployments/compose.yaml");
        let is_scraped = PROMETHEUS.contains(&format!("names: [{function}]"));
        assert!(
            is_scraped,
            "{function}: add it to deployments/monitoring/prometheus/prometheus.yml"
        );
    }
}

#[test]
fn nginx_defines_an_upstream_for_each_function_that_has_an_api() {
    let has_api =
        |function: &&String| !["consumer", "retention", "syslog"].contains(&function.as_str());
    for function in functions().iter().filter(has_api) {
        let has_upstream = NGINX.contains(&format!("upstream {function} "));
        assert!(has_upstream, "{function}: add it to nginx/nginx.conf");
    }
}
