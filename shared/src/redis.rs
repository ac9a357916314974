//! A connection to Redis that never makes anybody wait for long.
//! The adapters of the cache and of the limiter each have one.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, ErrorKind, IntoConnectionInfo, RedisError, RedisResult};
use tokio::time::timeout;
use url::Url;

use crate::breaker::Breaker;
use crate::config::{ConfigError, UrlOptions};
use crate::error::{Error, Result, Source};

/// How long an answer may take: whoever asks can do without it.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long a connection may take to come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long what was sent may stay without acknowledgement until the connection is given up: a
/// host that vanished does not close it.
const DEAD_AFTER: Duration = Duration::from_secs(3);

/// Redis, behind a breaker.
pub(crate) struct Redis {
    service: &'static str,
    prefix: String,
    connection: ConnectionManager,
    breaker: Breaker,
}

impl Redis {
    /// The Redis at `redis://host:6379/database?prefix=…`, which may be away, for `service`.
    pub(crate) fn open(
        variable: &'static str,
        url: &Url,
        service: &'static str,
    ) -> std::result::Result<Self, ConfigError> {
        let options = UrlOptions::parse(variable, url, &["prefix"])?;
        let prefix = options.text("prefix").unwrap_or("logpulse").to_owned();
        let connection = connection(url).map_err(|error| options.invalid(error.to_string()))?;
        connect(connection.clone());
        Ok(Self { service, prefix, connection, breaker: Breaker::default() })
    }

    /// The name of a key.
    pub(crate) fn key(&self, kind: &str, name: impl std::fmt::Display) -> String {
        format!("{}:{kind}:{name}", self.prefix)
    }

    /// Does `work` on the connection.
    ///
    /// # Errors
    /// [`Error::Unavailable`] after 100 ms, and at once while the breaker is open.
    pub(crate) async fn ask<T>(
        &self,
        work: impl AsyncFnOnce(&mut ConnectionManager) -> RedisResult<T>,
    ) -> Result<T> {
        if self.breaker.is_open() {
            return Err(self.unavailable("it did not answer a moment ago"));
        }
        match timeout(PATIENCE, work(&mut self.connection.clone())).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if !is_answer(&error) {
                    self.breaker.open();
                }
                Err(self.unavailable(error))
            }
            Err(late) => {
                self.breaker.open();
                Err(self.unavailable(late))
            }
        }
    }

    /// Answers when Redis does.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not.
    pub(crate) async fn ping(&self) -> Result<()> {
        self.ask(async |connection| redis::cmd("PING").exec_async(connection).await).await
    }

    fn unavailable(&self, source: impl Into<Source>) -> Error {
        Error::unavailable(self.service, source)
    }
}

/// Connects before anybody asks. A lazy connection comes only as long as somebody waits for it, and
/// who asks does not wait for long.
fn connect(mut connection: ConnectionManager) {
    tokio::spawn(async move { redis::cmd("PING").exec_async(&mut connection).await });
}

/// Whether Redis itself said it: then it is there.
fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

/// A connection that is established with the first command.
fn connection(url: &Url) -> RedisResult<ConnectionManager> {
    let mut address = url.clone();
    address.set_query(None);
    let tcp = TcpSettings::default().set_nodelay(true);
    #[cfg(target_os = "linux")]
    let tcp = tcp.set_user_timeout(DEAD_AFTER);
    let client = Client::open(address.into_connection_info()?.set_tcp_settings(tcp))?;
    // The breaker decides when to try again.
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(0)
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(PATIENCE));
    ConnectionManager::new_lazy_with_config(client, config)
}
