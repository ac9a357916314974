//! Starts standalone LogPulse for the tests.

use std::path::Path;
use std::process::Command;

use acceptance::Server;

/// Starts the binary on a free port with its data in `data_dir`.
pub(crate) fn start(data_dir: &Path, settings: &[(&str, &str)]) -> Server {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logpulse"));
    command.env_clear().envs(settings.iter().copied());
    Server::start(command.env("DATA_DIR", data_dir))
}
