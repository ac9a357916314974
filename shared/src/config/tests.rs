//! Tests the settings' defaults, ranges and names, and that errors contain no secrets.

use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::*;

fn load_with<T: DeserializeOwned>(variables: &[(&str, &str)]) -> Result<T, ConfigError> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    load_from(variables.iter().map(owned).collect::<Vec<_>>())
}

fn error_with<T: DeserializeOwned>(variables: &[(&str, &str)]) -> String {
    load_with::<T>(variables).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn unset_variables_have_defaults() {
    let http: HttpConfig = load_with(&[]).unwrap();
    assert_eq!((http.host.as_str(), http.port), ("127.0.0.1", 8080));
    assert_eq!(http.shutdown_timeout, Duration::from_secs(30));
    assert!(http.trusted_proxies.is_empty());
    let rate_limit: RateLimitConfig = load_with(&[]).unwrap();
    assert!(rate_limit.enabled);
    assert_eq!((rate_limit.capacity.get(), rate_limit.rate.get()), (100, 50));
    let limits: LimitsConfig = load_with(&[]).unwrap();
    assert_eq!((limits.max_body_bytes, limits.max_entry_bytes), (10 << 20, 1 << 20));
    let batch: BatchConfig = load_with(&[]).unwrap();
    assert_eq!((batch.max_entries, batch.max_wait.as_millis()), (20_000, 200));
    assert_eq!(load_with::<TelemetryConfig>(&[]).unwrap().rust_log, "info");
}

#[test]
fn values_are_trimmed_and_empty_values_count_as_absent() {
    let http: HttpConfig = load_with(&[("PORT", " 9000 "), ("HOST", " ")]).unwrap();
    assert_eq!((http.host.as_str(), http.port), ("127.0.0.1", 9000));
}

#[test]
fn errors_name_a_missing_required_url() {
    assert_eq!(error_with::<QueueConfig>(&[]), "QUEUE_URL: is missing");
    assert_eq!(error_with::<StoreConfig>(&[("STORE_URL", "")]), "STORE_URL: is missing");
    let config: RateLimitConfig = load_with(&[]).unwrap();
    assert!(config.url().unwrap_err().to_string().starts_with("LIMITER_URL: is missing"));
}

#[test]
fn errors_name_the_variable_and_its_valid_values() {
    for value in ["65536", "-1", "http", "1e3", "99999999999999999999"] {
        let error = error_with::<HttpConfig>(&[("HOST", "::1"), ("PORT", value)]);
        assert_eq!(error, "PORT: must be a whole number from 0 to 65535", "{value}");
    }
    let error = error_with::<RateLimitConfig>(&[("RATE_LIMIT_RATE", "0")]);
    assert!(error.starts_with("RATE_LIMIT_RATE: must be"), "{error}");
    let error = error_with::<RateLimitConfig>(&[("RATE_LIMIT_ENABLED", "yes")]);
    assert_eq!(error, "RATE_LIMIT_ENABLED: must be true or false");
    let error = error_with::<TelemetryConfig>(&[("LOG_FORMAT", "xml"), ("RUST_LOG", "info")]);
    assert_eq!(error, "LOG_FORMAT: must be text or json");
    let error = error_with::<HttpConfig>(&[("TRUSTED_PROXIES", "10.0.0.0/8,proxy")]);
    assert!(error.starts_with("TRUSTED_PROXIES: must be IP addresses or CIDRs"), "{error}");
}

#[test]
fn errors_name_every_variable_that_is_invalid_or_missing() {
    let error = error_with::<HttpConfig>(&[
        ("PORT", "http"),
        ("HOST", "::1"),
        ("SHUTDOWN_TIMEOUT_SECONDS", "0"),
        ("CORS_ALLOWED_ORIGINS", "example"),
    ]);
    let problems: Vec<&str> = error.split("; ").collect();
    assert_eq!(problems.len(), 3, "{error}");
    assert!(problems[0].starts_with("CORS_ALLOWED_ORIGINS: must be * or origins"), "{error}");
    assert_eq!(problems[1], "PORT: must be a whole number from 0 to 65535");
    assert_eq!(problems[2], "SHUTDOWN_TIMEOUT_SECONDS: must be a whole number from 1 to 3600");
    let number = "INDEX_ATTRIBUTES_MAX: must be a whole number from 0 to 5000";
    for (url, problem) in [("", "INDEX_URL: is missing"), ("::", "INDEX_URL: must be a URL")] {
        let variables = [("INDEX_ATTRIBUTES_MAX", "all"), ("INDEX_URL", url)];
        let error = error_with::<IndexConfig>(&variables);
        let (first, second) = error.split_once("; ").unwrap();
        assert!(first == number && second.starts_with(problem), "{error}");
        assert_eq!(error.matches("INDEX_URL").count(), 1, "{error}");
    }
}

#[test]
fn an_error_about_several_concerns_names_each_variable_once() {
    const NONE: Check = || Ok(());
    const A: Check = || Err(ConfigError::new("A_URL", "is missing"));
    const B: Check = || Err(ConfigError::new("B_URL", "is missing"));
    assert_eq!(check_all(&[NONE, NONE]), Ok(()));
    let error = check_all(&[B, NONE, A, B]).unwrap_err();
    assert_eq!(error.to_string(), "A_URL: is missing; B_URL: is missing");
}

#[test]
fn a_value_that_is_not_utf8_invalidates_only_its_setting() {
    let broken = String::from_utf8_lossy(b"\xff").into_owned();
    assert_eq!(error_with::<HttpConfig>(&[("HOST", &broken)]), "HOST: is not valid UTF-8");
    assert_eq!(error_with::<HttpConfig>(&[("OTHER", &broken)]), "");
}

#[test]
fn booleans_accept_true_false_1_and_0() {
    for (value, enabled) in [("true", true), ("1", true), ("FALSE", false), ("0", false)] {
        let config: RateLimitConfig = load_with(&[("RATE_LIMIT_ENABLED", value)]).unwrap();
        assert_eq!(config.enabled, enabled, "{value}");
    }
}

#[test]
fn proxies_are_addresses_or_networks() {
    let http: HttpConfig = load_with(&[("TRUSTED_PROXIES", "10.1.2.3, fd00::/8,")]).unwrap();
    let expected: Vec<IpNet> = vec!["10.1.2.3/32".parse().unwrap(), "fd00::/8".parse().unwrap()];
    assert_eq!(http.trusted_proxies, expected);
}

#[test]
fn origins_must_be_in_the_form_that_browsers_send() {
    let load = |value| load_with::<HttpConfig>(&[("CORS_ALLOWED_ORIGINS", value)]);
    let listed = |origins: &[&str]| {
        AllowedOrigins::Listed(origins.iter().map(ToString::to_string).collect())
    };
    for (value, expected) in [
        ("", listed(&[])),
        (" * ", AllowedOrigins::Any),
        ("https://a.example", listed(&["https://a.example"])),
        (
            "http://localhost:5173, https://[::1]:8443,",
            listed(&["http://localhost:5173", "https://[::1]:8443"]),
        ),
    ] {
        assert_eq!(load(value).unwrap().cors_allowed_origins, expected, "{value}");
    }
    for value in [
        "a.example",
        "https://a.example/",
        "https://a.example:443",
        "https://A.example",
        "https://*.example",
        "https://a.example, *",
        "null",
        "https://a.example;https://b.example",
        "https://a.example/path",
        "https://a'b.example",
    ] {
        let error = error_with::<HttpConfig>(&[("CORS_ALLOWED_ORIGINS", value)]);
        assert!(
            error.starts_with("CORS_ALLOWED_ORIGINS: must be * or origins"),
            "{value}: {error}"
        );
    }
}

#[test]
fn passwords_are_never_printed() {
    let url = "mysql://user:hunter2@mysql:3306/logpulse_db";
    let config: StoreConfig = load_with(&[("STORE_URL", url)]).unwrap();
    assert_eq!(config.store_url.expose().as_str(), url);
    let printed = format!("{config:?} {}", config.store_url);
    assert!(!printed.contains("hunter2") && printed.contains("user:***@mysql"), "{printed}");
    let error = error_with::<StoreConfig>(&[("STORE_URL", "user:hunter2@ mysql")]);
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn the_limiter_defaults_to_the_cache() {
    let both = [("CACHE_URL", "redis://a"), ("LIMITER_URL", "redis://b")];
    let config: RateLimitConfig = load_with(&both[..1]).unwrap();
    assert_eq!(config.url().unwrap().expose().as_str(), "redis://a");
    let config: RateLimitConfig = load_with(&both).unwrap();
    assert_eq!(config.url().unwrap().expose().as_str(), "redis://b");
}

#[test]
fn the_number_of_attributes_is_an_option_of_the_index_url() {
    let max = ("INDEX_ATTRIBUTES_MAX", "50");
    for (url, with_max) in [
        ("http://os:9200", "http://os:9200/?attributes=50"),
        ("http://os:9200?prefix=a-", "http://os:9200/?prefix=a-&attributes=50"),
        ("http://os:9200?attributes=7", "http://os:9200/?attributes=7"),
        ("tantivy:///index", "tantivy:///index?attributes=50"),
    ] {
        let variables = [("INDEX_URL", url), max];
        let config: IndexConfig = load_with(&variables).unwrap();
        assert_eq!(config.url().expose().as_str(), with_max);
        let config: StandaloneConfig = load_with(&variables).unwrap();
        assert_eq!(config.index_url().unwrap().expose().as_str(), with_max);
    }
    let error = error_with::<IndexConfig>(&[("INDEX_URL", "a:"), ("INDEX_ATTRIBUTES_MAX", "5001")]);
    assert_eq!(error, "INDEX_ATTRIBUTES_MAX: must be a whole number from 0 to 5000");
}

#[test]
fn standalone_defaults_to_files_in_its_data_directory() {
    let variables = [("DATA_DIR", "/var/lib/log pulse"), ("STORE_URL", "mysql://m/d")];
    let config: StandaloneConfig = load_with(&variables).unwrap();
    let queue = "sqlite:///var/lib/log%20pulse/queue.db?max_bytes=10737418240";
    assert_eq!(config.queue_url().unwrap().expose().as_str(), queue);
    assert_eq!(config.store_url().unwrap().expose().as_str(), "mysql://m/d");
    let index = "tantivy:///var/lib/log%20pulse/index?attributes=200";
    assert_eq!(config.index_url().unwrap().expose().as_str(), index);
    assert_eq!(config.cache_url().unwrap().expose().as_str(), "memory:");
    assert_eq!(config.limiter_url().unwrap().expose().as_str(), "memory:");
}

#[test]
fn commands_require_an_existing_queue_unless_queue_url_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let missing = format!("{path}/missing");
    let with_data_dir =
        |data_dir| load_with::<StandaloneConfig>(&[("DATA_DIR", data_dir)]).unwrap();

    let error = with_data_dir(&missing).require_queue().unwrap_err().to_string();
    assert!(error.starts_with(&format!("DATA_DIR: {missing} does not exist")), "{error}");
    let error = with_data_dir(path).require_queue().unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("DATA_DIR: {path} is not a LogPulse data directory")),
        "{error}"
    );
    std::fs::write(folder.path().join("queue.db"), "").unwrap();
    with_data_dir(path).require_queue().unwrap();
    let variables = [("DATA_DIR", missing.as_str()), ("QUEUE_URL", "kafka://kafka/logs")];
    load_with::<StandaloneConfig>(&variables).unwrap().require_queue().unwrap();
}

#[test]
fn a_relative_data_directory_becomes_absolute() {
    let config: StandaloneConfig = load_with(&[]).unwrap();
    let current_dir = std::env::current_dir().unwrap();
    let expected = Url::from_file_path(current_dir.join("data/store.db")).unwrap();
    assert_eq!(config.store_url().unwrap().expose().path(), expected.path());
}

/// A deserializer that collects the field names of a struct and then fails.
struct FieldNames<'a>(&'a mut Vec<String>);

impl<'de> serde::Deserializer<'de> for FieldNames<'_> {
    type Error = envy::Error;

    fn deserialize_struct<V: serde::de::Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.extend(fields.iter().map(|field| field.to_uppercase()));
        Err(serde::de::Error::custom("field names only"))
    }

    fn deserialize_any<V: serde::de::Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("not a struct"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn collect_names<T: DeserializeOwned>(names: &mut Vec<String>) {
    assert!(T::deserialize(FieldNames(names)).is_err());
}

fn all_setting_names() -> Vec<String> {
    let mut all = Vec::new();
    collect_names::<HttpConfig>(&mut all);
    collect_names::<RateLimitConfig>(&mut all);
    collect_names::<LimitsConfig>(&mut all);
    collect_names::<QueueConfig>(&mut all);
    collect_names::<StoreConfig>(&mut all);
    collect_names::<IndexConfig>(&mut all);
    collect_names::<CacheConfig>(&mut all);
    collect_names::<BatchConfig>(&mut all);
    collect_names::<DeleteConfig>(&mut all);
    collect_names::<TelemetryConfig>(&mut all);
    collect_names::<StandaloneConfig>(&mut all);
    collect_names::<SyslogConfig>(&mut all);
    collect_names::<RetentionConfig>(&mut all);
    collect_names::<DiskConfig>(&mut all);
    all.sort_unstable();
    all.dedup();
    all
}

fn env_file_variables() -> Vec<(String, String)> {
    let lines = include_str!("../../../.env").lines();
    let pairs = lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Variables in `.env` that only `deployments/compose.yaml` reads.
const COMPOSE_VARIABLES: [&str; 18] = [
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
    "SYSLOG_PORTS",
    "TOXIPROXY_PORT",
    "VERSION",
];

#[test]
fn the_env_file_lists_every_setting() {
    let variables = env_file_variables();
    let mut listed: Vec<String> = variables.into_iter().map(|(name, _)| name).collect();
    listed.sort_unstable();
    let mut settings = all_setting_names();
    settings.extend(COMPOSE_VARIABLES.map(str::to_owned));
    settings.sort_unstable();
    assert_eq!(listed, settings);
}

#[test]
fn the_help_describes_known_settings_with_their_defaults() {
    let file = env_file_variables();
    let described = [
        help::DATA_DIR,
        help::QUEUE_URL,
        help::STORE_URL,
        help::INDEX_URL,
        help::INDEX_ATTRIBUTES_MAX,
        help::CACHE_URL,
        help::LIMITER_URL,
        help::RATE_LIMIT_ENABLED,
        help::DELETE_ENABLED,
        help::CORS_ALLOWED_ORIGINS,
        help::SYSLOG_PORT,
        help::RETENTION,
        help::DISK_MIN_FREE,
        help::ON_LOW_DISK,
    ];
    // tracing-subscriber reads NO_COLOR; LogPulse itself has no such setting.
    let common = help::COMMON.into_iter().filter(|variable| variable.name != "NO_COLOR");
    for help::Variable { name, meaning } in described.into_iter().chain(common) {
        let (_, value) = file.iter().find(|(variable, _)| variable == name).unwrap();
        assert!(meaning.contains(value.as_str()), "{name}: {meaning}");
    }
}

/// Returns each `${NAME:-default}` in the compose file, including nested ones.
fn compose_file_variables() -> Vec<(String, String)> {
    let file = include_str!("../../../deployments/compose.yaml");
    let uses = file.split("${").skip(1).filter_map(|reference| reference.split_once(":-"));
    let default = |text: &str| text.split(['}', '$']).next().unwrap_or_default().to_owned();
    uses.map(|(name, text)| (name.to_owned(), default(text))).collect()
}

#[test]
fn the_compose_file_and_the_env_file_have_the_same_defaults() {
    let file = env_file_variables();
    let references = compose_file_variables();
    for (name, default) in &references {
        let (_, value) = file.iter().find(|(variable, _)| variable == name).unwrap();
        assert!(value.is_empty() || value == default, "{name}: {value} differs from {default}");
    }
    for name in COMPOSE_VARIABLES {
        assert!(references.iter().any(|(variable, _)| variable == name), "{name} is unused");
    }
}

#[test]
fn the_env_file_contains_the_default_values() {
    fn assert_defaults<T: DeserializeOwned + std::fmt::Debug>() {
        let file: T = load_from(env_file_variables()).unwrap();
        let default: T = load_with(&[]).unwrap();
        assert_eq!(format!("{file:?}"), format!("{default:?}"));
    }
    assert_defaults::<HttpConfig>();
    assert_defaults::<RateLimitConfig>();
    assert_defaults::<LimitsConfig>();
    assert_defaults::<BatchConfig>();
    assert_defaults::<DeleteConfig>();
    assert_defaults::<RetentionConfig>();
    assert_defaults::<DiskConfig>();
    assert_defaults::<TelemetryConfig>();
    assert_defaults::<StandaloneConfig>();
    assert_defaults::<SyslogConfig>();
}
