//! The settings in the URL of a Kafka queue, and the configuration that all its clients share.
//! `kafka://host[,host]:port/topic?partitions=3&replication=1&retention_hours=168&group=logpulse`

use rdkafka::ClientConfig;
use url::Url;

use crate::config::ConfigError;
use crate::config::url_options::UrlOptions;
use crate::queue::VARIABLE;

/// The maximum record size. It leaves ample room for a 1 MiB entry on top of an almost full record.
pub(super) const MAX_RECORD_BYTES: u32 = 2 * 1024 * 1024;

/// The maximum size of a dead letter: the largest record plus the reason in a header.
pub(super) const MAX_DEAD_LETTER_BYTES: u32 = MAX_RECORD_BYTES + 64 * 1024;

const DEFAULT_PORT: u16 = 9092;

/// The suffix of the dead-letter topic.
const DEAD_LETTERS_SUFFIX: &str = ".dead_letters";

/// The maximum length of the topic's name: Kafka's limit minus the suffix.
const MAX_TOPIC_CHARS: usize = 249 - DEAD_LETTERS_SUFFIX.len();

const OPTIONS: [&str; 4] = ["group", "partitions", "replication", "retention_hours"];

/// The queue's address, and the settings for creating its topics.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// A comma-separated list of `host:port`.
    pub(super) brokers: String,
    /// The topic for records.
    pub(super) topic: String,
    /// The topic for dead letters.
    pub(super) dead_letters: String,
    /// The consumer group.
    pub(super) group: String,
    pub(super) partitions: u16,
    pub(super) replication: u16,
    pub(super) retention_hours: u32,
}

impl Settings {
    pub(super) fn from_url(url: &Url) -> Result<Self, ConfigError> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ConfigError::new(VARIABLE, "user and password are not supported"));
        }
        let topic = topic(url.path())?;
        let options = UrlOptions::parse(VARIABLE, url, &OPTIONS)?;
        let group = options.text("group").unwrap_or("logpulse");
        if group.is_empty() {
            return Err(options.invalid("group must not be empty"));
        }
        Ok(Self {
            brokers: brokers(url)?,
            dead_letters: format!("{topic}{DEAD_LETTERS_SUFFIX}"),
            topic,
            group: group.to_owned(),
            partitions: options.number("partitions", 1..=u16::MAX.into())?.unwrap_or(3),
            replication: options.number("replication", 1..=u16::MAX.into())?.unwrap_or(1),
            retention_hours: options.number("retention_hours", 1..=u32::MAX.into())?.unwrap_or(168),
        })
    }

    /// The configuration that all clients share.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "logpulse")
            .set("socket.keepalive.enable", "true")
            // Detect a hanging or recovered broker within seconds.
            .set("socket.connection.setup.timeout.ms", "3000")
            .set("reconnect.backoff.max.ms", "1000");
        config
    }
}

fn brokers(url: &Url) -> Result<String, ConfigError> {
    let Some(hosts) = url.host_str().filter(|hosts| !hosts.is_empty()) else {
        let reason = "the broker is missing; use kafka://host:port/topic";
        return Err(ConfigError::new(VARIABLE, reason));
    };
    let port = url.port().unwrap_or(DEFAULT_PORT);
    let brokers: Vec<String> = hosts.split(',').map(|host| format!("{host}:{port}")).collect();
    Ok(brokers.join(","))
}

fn topic(path: &str) -> Result<String, ConfigError> {
    let topic = path.trim_start_matches('/');
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if topic.is_empty() || topic.len() > MAX_TOPIC_CHARS || !topic.chars().all(is_legal) {
        let reason = format!(
            "the topic must have 1 to {MAX_TOPIC_CHARS} of the characters a-z A-Z 0-9 . _ -"
        );
        return Err(ConfigError::new(VARIABLE, reason));
    }
    Ok(topic.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> Settings {
        Settings::from_url(&url.parse().unwrap()).unwrap()
    }

    #[test]
    fn missing_options_use_the_defaults() {
        let defaults = "?partitions=3&replication=1&retention_hours=168&group=logpulse";
        let url = "kafka://broker/logs_topic";
        assert_eq!(settings(url), settings(&format!("kafka://broker:9092/logs_topic{defaults}")));
        assert_eq!(settings(url).dead_letters, "logs_topic.dead_letters");
    }

    #[test]
    fn brokers_share_the_port() {
        assert_eq!(
            settings("kafka://a,b,c.example:9094/logs").brokers,
            "a:9094,b:9094,c.example:9094"
        );
        assert_eq!(settings("kafka://[::1]:9094/logs").brokers, "[::1]:9094");
    }
}
