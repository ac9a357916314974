//! The settings that `--help` describes. `.env` lists every setting.

/// An environment variable as `--help` describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// The name of the variable.
    pub name: &'static str,
    /// Its meaning, and its default in brackets.
    pub meaning: &'static str,
}

const fn variable(name: &'static str, meaning: &'static str) -> Variable {
    Variable { name, meaning }
}

/// The settings of every program.
pub const COMMON: [Variable; 5] = [
    variable("HOST", "Address to listen on [default: 127.0.0.1]"),
    variable("PORT", "Port to listen on [default: 8080]"),
    variable("RUST_LOG", "Log level, or a filter such as warn,shared=debug [default: info]"),
    variable("LOG_FORMAT", "text or json [default: text on a terminal, otherwise json]"),
    variable("NO_COLOR", "Log without colour if set"),
];

/// The origins of web pages that may call the API.
pub const CORS_ALLOWED_ORIGINS: Variable = variable(
    "CORS_ALLOWED_ORIGINS",
    "Origins of pages that may call the API, separated by commas, or * [default: none]",
);
/// The directory for embedded data.
pub const DATA_DIR: Variable =
    variable("DATA_DIR", "Directory for the queue, store and index [default: ./data]");
/// The queue of a cluster.
pub const QUEUE_URL: Variable =
    variable("QUEUE_URL", "Queue, e.g. kafka://kafka:9092/logs_topic [required]");
/// The store of a cluster.
pub const STORE_URL: Variable =
    variable("STORE_URL", "Store, e.g. mysql://user:password@mysql:3306/logpulse_db [required]");
/// The index of a cluster.
pub const INDEX_URL: Variable =
    variable("INDEX_URL", "Index, e.g. http://opensearch:9200 [required]");
/// The maximum number of attributes that support ranges.
pub const INDEX_ATTRIBUTES_MAX: Variable = variable(
    "INDEX_ATTRIBUTES_MAX",
    "Maximum number of attributes per day that support ranges [default: 200]",
);
/// The cache of a cluster.
pub const CACHE_URL: Variable =
    variable("CACHE_URL", "Cache and rate limiter, e.g. redis://redis:6379 [required]");
/// The rate limiter of a cluster.
pub const LIMITER_URL: Variable =
    variable("LIMITER_URL", "Rate limiter, e.g. redis://redis:6379 [default: CACHE_URL]");
/// How long entries are kept.
pub const RETENTION: Variable = variable(
    "RETENTION",
    "How long entries are kept, e.g. 30d; level:debug=3d [default: 30d for new data, else forever]",
);
/// Whether clients may delete entries.
pub const DELETE_ENABLED: Variable =
    variable("DELETE_ENABLED", "Let clients delete entries [default: false]");
/// The least free space of the disk.
pub const DISK_MIN_FREE: Variable =
    variable("DISK_MIN_FREE", "Least share of the disk that must be free [default: 5%]");
/// What happens when less is free.
pub const ON_LOW_DISK: Variable = variable(
    "ON_LOW_DISK",
    "When less is free: refuse entries, or drop-oldest days early [default: refuse]",
);
/// The port of the syslog listener.
pub const SYSLOG_PORT: Variable = variable(
    "SYSLOG_PORT",
    "Port for syslog over TCP and UDP [default: 5514 in a cluster, else none]",
);
/// Whether clients are rate limited.
pub const RATE_LIMIT_ENABLED: Variable =
    variable("RATE_LIMIT_ENABLED", "Limit the request rate of each client [default: true]");
