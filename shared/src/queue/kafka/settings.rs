//! What the URL of a queue on Kafka says, and what every client of it has in common.
//! `kafka://host[,host]:port/topic?partitions=3&replication=1&retention_hours=168&group=logpulse`

use rdkafka::ClientConfig;
use url::Url;

use crate::config::{ConfigError, UrlOptions};
use crate::queue::VARIABLE;

/// The largest record: an entry of 1 MiB on top of a record that was almost full fits well.
pub(super) const MAX_RECORD_BYTES: u32 = 2 * 1024 * 1024;

/// The largest dead letter: the largest record, and why it is one.
pub(super) const MAX_DEAD_LETTER_BYTES: u32 = MAX_RECORD_BYTES + 64 * 1024;

const DEFAULT_PORT: u16 = 9092;

/// Kafka's limit for the names of topics, less the end of the dead letters' name.
const MAX_TOPIC_CHARS: usize = 249 - DEAD_LETTERS.len();

const OPTIONS: [&str; 4] = ["group", "partitions", "replication", "retention_hours"];

const DEAD_LETTERS: &str = ".dead_letters";

/// Where the queue is, and how its topics are made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// `host:port`, separated by commas.
    pub(super) brokers: String,
    /// The topic of records.
    pub(super) topic: String,
    /// The topic of dead letters.
    pub(super) dead_letters: String,
    /// The group that shares the partitions.
    pub(super) group: String,
    pub(super) partitions: u16,
    pub(super) replication: u16,
    pub(super) retention_hours: u32,
}

impl Settings {
    pub(super) fn of(url: &Url) -> Result<Self, ConfigError> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ConfigError::new(VARIABLE, "a user is not supported"));
        }
        let topic = topic(url.path())?;
        let options = UrlOptions::parse(VARIABLE, url, &OPTIONS)?;
        let group = options.text("group").unwrap_or("logpulse");
        if group.is_empty() {
            return Err(options.invalid("group must not be empty"));
        }
        Ok(Self {
            brokers: brokers(url)?,
            dead_letters: format!("{topic}{DEAD_LETTERS}"),
            topic,
            group: group.to_owned(),
            partitions: options.number("partitions", 1..=u16::MAX.into())?.unwrap_or(3),
            replication: options.number("replication", 1..=u16::MAX.into())?.unwrap_or(1),
            retention_hours: options.number("retention_hours", 1..=u32::MAX.into())?.unwrap_or(168),
        })
    }

    /// What every client has in common.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "logpulse")
            .set("socket.keepalive.enable", "true")
            // A broker that hangs or comes back is found out about within seconds.
            .set("socket.connection.setup.timeout.ms", "3000")
            .set("reconnect.backoff.max.ms", "1000");
        config
    }
}

fn brokers(url: &Url) -> Result<String, ConfigError> {
    let hosts = url.host_str().filter(|hosts| !hosts.is_empty());
    let hosts = hosts.ok_or_else(|| ConfigError::new(VARIABLE, "names no broker"))?;
    let port = url.port().unwrap_or(DEFAULT_PORT);
    let brokers: Vec<String> = hosts.split(',').map(|host| format!("{host}:{port}")).collect();
    Ok(brokers.join(","))
}

fn topic(path: &str) -> Result<String, ConfigError> {
    let topic = path.trim_start_matches('/');
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if topic.is_empty() || topic.len() > MAX_TOPIC_CHARS || !topic.chars().all(legal) {
        return Err(ConfigError::new(
            VARIABLE,
            format!("the topic must be 1 to {MAX_TOPIC_CHARS} of the characters a-z A-Z 0-9 . _ -"),
        ));
    }
    Ok(topic.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Settings {
        Settings::of(&url.parse().unwrap()).unwrap()
    }

    #[test]
    fn what_the_url_does_not_say_has_a_default() {
        let defaults = "?partitions=3&replication=1&retention_hours=168&group=logpulse";
        let url = "kafka://broker/logs_topic";
        assert_eq!(of(url), of(&format!("kafka://broker:9092/logs_topic{defaults}")));
        assert_eq!(of(url).dead_letters, "logs_topic.dead_letters");
    }

    #[test]
    fn several_brokers_share_the_port() {
        assert_eq!(of("kafka://a,b,c.example:9094/logs").brokers, "a:9094,b:9094,c.example:9094");
        assert_eq!(of("kafka://[::1]:9094/logs").brokers, "[::1]:9094");
    }
}
