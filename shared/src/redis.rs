//! A Redis connection with a short timeout and a circuit breaker, for callers that can do without
//! Redis. The cache and the limiter each use a separate one.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, ErrorKind, IntoConnectionInfo, RedisError, RedisResult};
use tokio::time::timeout;
use url::Url;

use crate::breaker::Breaker;
use crate::config::ConfigError;
use crate::config::url_options::UrlOptions;
use crate::error::{Error, Result, Source};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long sent data may remain unacknowledged before the connection is closed. A host that
/// disappears does not close its connections.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(3);

/// Redis, behind a circuit breaker.
pub(crate) struct Redis {
    service: &'static str,
    prefix: String,
    connection: ConnectionManager,
    response_timeout: Duration,
    breaker: Breaker,
}

impl Redis {
    /// Opens the Redis database at `redis://host:6379/database?prefix=…`, the value of `variable`.
    /// `service` is the name of the port in errors. Succeeds even if Redis is down.
    /// `response_timeout` applies to each command.
    pub(crate) fn open(
        variable: &'static str,
        url: &Url,
        service: &'static str,
        response_timeout: Duration,
    ) -> std::result::Result<Self, ConfigError> {
        let options = UrlOptions::parse(variable, url, &["prefix"])?;
        let prefix = options.text("prefix").unwrap_or("logpulse").to_owned();
        let connection = lazy_connection(url, response_timeout)
            .map_err(|error| options.invalid(error.to_string()))?;
        connect_in_background(connection.clone());
        Ok(Self { service, prefix, connection, response_timeout, breaker: Breaker::default() })
    }

    /// The key of an object, e.g. `logpulse:entry:<id>`.
    pub(crate) fn key(&self, kind: &str, name: impl std::fmt::Display) -> String {
        format!("{}:{kind}:{name}", self.prefix)
    }

    /// Runs `command` on the connection.
    ///
    /// # Errors
    /// When the command fails or exceeds the timeout, and immediately while the circuit breaker is
    /// open ([`Error::Unavailable`]).
    pub(crate) async fn run<T>(
        &self,
        command: impl AsyncFnOnce(&mut ConnectionManager) -> RedisResult<T>,
    ) -> Result<T> {
        self.breaker.check().map_err(|open| self.unavailable(open))?;
        match timeout(self.response_timeout, command(&mut self.connection.clone())).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                if !is_response(&error) {
                    self.breaker.open();
                }
                Err(self.unavailable(error))
            }
            Err(elapsed) => {
                self.breaker.open();
                Err(self.unavailable(elapsed))
            }
        }
    }

    /// Checks that Redis responds.
    ///
    /// # Errors
    /// When it does not respond ([`Error::Unavailable`]).
    pub(crate) async fn ping(&self) -> Result<()> {
        self.run(async |connection| redis::cmd("PING").exec_async(connection).await).await
    }

    fn unavailable(&self, source: impl Into<Source>) -> Error {
        Error::unavailable(self.service, source)
    }
}

/// A connection that is established by the first command.
fn lazy_connection(url: &Url, response_timeout: Duration) -> RedisResult<ConnectionManager> {
    let mut address = url.clone();
    address.set_query(None);
    // Without TCP_NODELAY, commands that arrive until Redis responds to an earlier one are sent in a
    // packet. Responses are in the order of commands, so none is later.
    let tcp = TcpSettings::default();
    #[cfg(target_os = "linux")]
    let tcp = tcp.set_user_timeout(UNACKNOWLEDGED_TIMEOUT);
    let client = Client::open(address.into_connection_info()?.set_tcp_settings(tcp))?;
    // The circuit breaker decides when to retry.
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(0)
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(response_timeout));
    ConnectionManager::new_lazy_with_config(client, config)
}

/// Connects in advance, because connecting may take longer than the timeout of a command.
fn connect_in_background(mut connection: ConnectionManager) {
    tokio::spawn(async move { redis::cmd("PING").exec_async(&mut connection).await });
}

/// Whether the error is a response from Redis, which is therefore up.
fn is_response(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn only_the_first_call_waits_for_a_service_that_does_not_respond() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", silent.local_addr().unwrap()).parse().unwrap();
        let response_timeout = Duration::from_secs(1);
        let redis = Redis::open("LIMITER_URL", &url, "limiter", response_timeout).unwrap();
        let start = Instant::now();
        redis.ping().await.unwrap_err();
        assert!(start.elapsed() >= response_timeout, "{:?}", start.elapsed());
        for _ in 0..9 {
            redis.ping().await.unwrap_err();
        }
        // The margin allows for a busy machine; a second timeout would exceed it.
        assert!(start.elapsed() < 2 * response_timeout, "{:?}", start.elapsed());
    }
}
