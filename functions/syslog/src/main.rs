//! Serves the `syslog` function as a separate process.

use std::process::ExitCode;

use shared::config::{
    HttpConfig, LimitsConfig, QueueConfig, RetentionConfig, SyslogConfig, check, help, load,
};
use shared::intake::Limits;
use shared::process::{self, Program};
use shared::{http, queue};
use syslog::{DEFAULT_PORT, Listener, function};
use tokio_util::sync::CancellationToken;

const PROGRAM: Program = Program {
    name: "syslog",
    about: "LogPulse syslog: accepts syslog messages and publishes them to the queue",
    settings: &[help::QUEUE_URL, help::RETENTION, help::SYSLOG_PORT],
    config: &[
        check::<QueueConfig>,
        check::<LimitsConfig>,
        check::<RetentionConfig>,
        check::<SyslogConfig>,
    ],
};

fn main() -> ExitCode {
    process::serve(&PROGRAM, serve)
}

async fn serve(shutdown: CancellationToken) -> anyhow::Result<()> {
    let queue = queue::open(load::<QueueConfig>()?.queue_url.expose()).await?.producer;
    let http_config = load::<HttpConfig>()?;
    let port = load::<SyslogConfig>()?.syslog_port.unwrap_or(DEFAULT_PORT);
    let listener = Listener::bind(&http_config.host, port).await?;
    let limits = Limits::load()?;
    let function = function(queue.clone());
    let grace_period = http_config.shutdown_timeout;
    tokio::try_join!(
        http::serve(vec![function], &http_config, None, shutdown.clone()),
        listener.run(queue, limits, grace_period, shutdown.clone()),
    )?;
    Ok(())
}
