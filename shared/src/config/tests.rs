//! What the settings are held to: defaults, bounds, names, and silence about secrets.

use url::Url;

use super::*;

fn with<T: DeserializeOwned>(variables: &[(&str, &str)]) -> Result<T, ConfigError> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    load_from(variables.iter().map(owned).collect::<Vec<_>>())
}

fn problem<T: DeserializeOwned>(variables: &[(&str, &str)]) -> String {
    match with::<T>(variables) {
        Ok(_) => "none".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn without_variables_the_defaults_hold() {
    let http: HttpConfig = with(&[]).unwrap();
    assert_eq!((http.host.as_str(), http.port), ("127.0.0.1", 8080));
    assert_eq!(http.shutdown_timeout, Duration::from_secs(30));
    assert!(http.trusted_proxies.is_empty());
    let rate_limit: RateLimitConfig = with(&[]).unwrap();
    assert!(rate_limit.enabled);
    assert_eq!((rate_limit.capacity.get(), rate_limit.rate.get()), (100, 50));
    let limits: LimitsConfig = with(&[]).unwrap();
    assert_eq!((limits.max_body_bytes, limits.max_entry_bytes), (10 << 20, 1 << 20));
    let batch: BatchConfig = with(&[]).unwrap();
    assert_eq!((batch.max_entries, batch.max_wait.as_millis()), (5000, 200));
    assert_eq!(with::<TelemetryConfig>(&[]).unwrap().rust_log, "info");
}

#[test]
fn a_value_is_taken_without_the_spaces_around_it_and_an_empty_one_is_absent() {
    let http: HttpConfig = with(&[("PORT", " 9000 "), ("HOST", " ")]).unwrap();
    assert_eq!((http.host.as_str(), http.port), ("127.0.0.1", 9000));
}

#[test]
fn a_required_url_that_is_missing_is_named() {
    assert_eq!(problem::<QueueConfig>(&[]), "QUEUE_URL: is missing");
    assert_eq!(problem::<StoreConfig>(&[("STORE_URL", "")]), "STORE_URL: is missing");
    let none: RateLimitConfig = with(&[]).unwrap();
    assert!(none.url().unwrap_err().to_string().starts_with("LIMITER_URL: is missing"));
}

#[test]
fn a_value_out_of_bounds_or_of_another_kind_is_named_with_its_bounds() {
    for value in ["65536", "-1", "http", "1e3", "99999999999999999999"] {
        let told = problem::<HttpConfig>(&[("HOST", "::1"), ("PORT", value)]);
        assert_eq!(told, "PORT: must be a whole number from 0 to 65535", "{value}");
    }
    let told = problem::<RateLimitConfig>(&[("RATE_LIMIT_RATE", "0")]);
    assert!(told.starts_with("RATE_LIMIT_RATE: must be"), "{told}");
    let told = problem::<RateLimitConfig>(&[("RATE_LIMIT_ENABLED", "yes")]);
    assert_eq!(told, "RATE_LIMIT_ENABLED: must be true or false");
    let told = problem::<TelemetryConfig>(&[("LOG_FORMAT", "xml"), ("RUST_LOG", "info")]);
    assert_eq!(told, "LOG_FORMAT: must be text or json");
    let told = problem::<HttpConfig>(&[("TRUSTED_PROXIES", "10.0.0.0/8,proxy")]);
    assert!(told.starts_with("TRUSTED_PROXIES: must be addresses or CIDRs"), "{told}");
}

#[test]
fn a_value_that_is_not_utf8_is_a_problem_of_its_variable_and_of_no_other() {
    let broken = String::from_utf8_lossy(b"\xff").into_owned();
    assert_eq!(problem::<HttpConfig>(&[("HOST", &broken)]), "HOST: is not UTF-8");
    assert_eq!(problem::<HttpConfig>(&[("OTHER", &broken)]), "none");
}

#[test]
fn booleans_are_true_false_1_and_0() {
    for (value, enabled) in [("true", true), ("1", true), ("FALSE", false), ("0", false)] {
        let config: RateLimitConfig = with(&[("RATE_LIMIT_ENABLED", value)]).unwrap();
        assert_eq!(config.enabled, enabled, "{value}");
    }
}

#[test]
fn proxies_are_addresses_and_networks() {
    let http: HttpConfig = with(&[("TRUSTED_PROXIES", "10.1.2.3, fd00::/8,")]).unwrap();
    let expected: Vec<IpNet> = vec!["10.1.2.3/32".parse().unwrap(), "fd00::/8".parse().unwrap()];
    assert_eq!(http.trusted_proxies, expected);
}

#[test]
fn a_password_is_never_printed() {
    let url = "mysql://user:hunter2@mysql:3306/logpulse_db";
    let config: StoreConfig = with(&[("STORE_URL", url)]).unwrap();
    assert_eq!(config.store_url.as_str(), url);
    let printed = format!("{config:?} {}", config.store_url);
    assert!(!printed.contains("hunter2") && printed.contains("user:***@mysql"), "{printed}");
    let told = problem::<StoreConfig>(&[("STORE_URL", "user:hunter2@ mysql")]);
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn the_limiter_is_where_the_cache_is_unless_it_has_a_url_of_its_own() {
    let both = [("CACHE_URL", "redis://a"), ("LIMITER_URL", "redis://b")];
    let config: RateLimitConfig = with(&both[..1]).unwrap();
    assert_eq!(config.url().unwrap().as_str(), "redis://a");
    let config: RateLimitConfig = with(&both).unwrap();
    assert_eq!(config.url().unwrap().as_str(), "redis://b");
}

#[test]
fn standalone_keeps_what_has_no_url_of_its_own_under_its_folder() {
    let variables = [("DATA_DIR", "/var/lib/log pulse"), ("STORE_URL", "mysql://m/d")];
    let config: StandaloneConfig = with(&variables).unwrap();
    let queue = "sqlite:///var/lib/log%20pulse/queue.db?max_bytes=10737418240";
    assert_eq!(config.queue_url().unwrap().as_str(), queue);
    assert_eq!(config.store_url().unwrap().as_str(), "mysql://m/d");
    let index = "tantivy:///var/lib/log%20pulse/index";
    assert_eq!(config.index_url().unwrap().as_str(), index);
    assert_eq!(config.cache_url().unwrap().as_str(), "memory:");
    assert_eq!(config.limiter_url().unwrap().as_str(), "memory:");
}

#[test]
fn a_relative_folder_becomes_absolute() {
    let config: StandaloneConfig = with(&[]).unwrap();
    let here = std::env::current_dir().unwrap();
    let expected = Url::from_file_path(here.join("data/store.db")).unwrap();
    assert_eq!(config.store_url().unwrap().path(), expected.path());
}

/// Asks a type for the names of its fields, and fails: there is nothing to read.
struct Names<'a>(&'a mut Vec<String>);

impl<'de> serde::Deserializer<'de> for Names<'_> {
    type Error = envy::Error;

    fn deserialize_struct<V: serde::de::Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.extend(fields.iter().map(|field| field.to_uppercase()));
        Err(serde::de::Error::custom("only names are asked"))
    }

    fn deserialize_any<V: serde::de::Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("settings are a struct"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn names<T: DeserializeOwned>(names: &mut Vec<String>) {
    assert!(T::deserialize(Names(names)).is_err());
}

fn names_of_all_settings() -> Vec<String> {
    let mut all = Vec::new();
    names::<HttpConfig>(&mut all);
    names::<RateLimitConfig>(&mut all);
    names::<LimitsConfig>(&mut all);
    names::<QueueConfig>(&mut all);
    names::<StoreConfig>(&mut all);
    names::<IndexConfig>(&mut all);
    names::<CacheConfig>(&mut all);
    names::<BatchConfig>(&mut all);
    names::<TelemetryConfig>(&mut all);
    names::<StandaloneConfig>(&mut all);
    all.sort_unstable();
    all.dedup();
    all
}

fn variables_of_the_env_file() -> Vec<(String, String)> {
    let lines = include_str!("../../../.env").lines();
    let pairs = lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What the file says to `deployments/compose.yaml` and to no function.
const OF_COMPOSE: [&str; 17] = [
    "DASHBOARDS_PORT",
    "GRAFANA_PASSWORD",
    "GRAFANA_PORT",
    "HTTP_BIND",
    "HTTP_PORT",
    "KAFKA_PORT",
    "MYSQL_PASSWORD",
    "MYSQL_PORT",
    "MYSQL_ROOT_PASSWORD",
    "NETWORK_SUBNET",
    "OPENSEARCH_CUT_PORT",
    "OPENSEARCH_PORT",
    "PROMETHEUS_PORT",
    "REDIS_PORT",
    "REGISTRY",
    "TOXIPROXY_PORT",
    "VERSION",
];

#[test]
fn the_env_file_and_the_settings_have_the_same_names() {
    let file = variables_of_the_env_file();
    let mut file: Vec<String> = file.into_iter().map(|(name, _)| name).collect();
    file.sort_unstable();
    let mut settings = names_of_all_settings();
    settings.extend(OF_COMPOSE.map(str::to_owned));
    settings.sort_unstable();
    assert_eq!(file, settings);
}

/// `${NAME:-default}` of the compose file, whichever way they are nested.
fn variables_of_the_compose_file() -> Vec<(String, String)> {
    let file = include_str!("../../../deployments/compose.yaml");
    let uses = file.split("${").skip(1).filter_map(|used| used.split_once(":-"));
    let default = |text: &str| text.split(['}', '$']).next().unwrap_or_default().to_owned();
    uses.map(|(name, rest)| (name.to_owned(), default(rest))).collect()
}

#[test]
fn the_compose_file_takes_settings_of_the_env_file_and_has_the_same_defaults() {
    let file = variables_of_the_env_file();
    let used = variables_of_the_compose_file();
    for (name, default) in &used {
        let (_, value) = file.iter().find(|(variable, _)| variable == name).unwrap();
        assert!(value.is_empty() || value == default, "{name}: {value} is not {default}");
    }
    for name in OF_COMPOSE {
        assert!(used.iter().any(|(used, _)| used == name), "{name} has no effect");
    }
}

#[test]
fn every_value_of_the_env_file_is_the_default() {
    fn same<T: DeserializeOwned + std::fmt::Debug>() {
        let file: T = load_from(variables_of_the_env_file()).unwrap();
        let default: T = with(&[]).unwrap();
        assert_eq!(format!("{file:?}"), format!("{default:?}"));
    }
    same::<HttpConfig>();
    same::<RateLimitConfig>();
    same::<LimitsConfig>();
    same::<BatchConfig>();
    same::<TelemetryConfig>();
    same::<StandaloneConfig>();
}
