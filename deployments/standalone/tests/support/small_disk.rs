//! A small disk for the data directory: a tmpfs in a separate mount namespace.
#![allow(clippy::print_stderr, reason = "a skipped test is reported")]

use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::Server;

fn in_namespace() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c"]);
    command
}

/// Whether to skip the test, because the machine has no mount namespaces. If `FULL_DISK=required`,
/// it fails instead.
pub(crate) fn skip() -> bool {
    let status = in_namespace().arg("mount -t tmpfs tmpfs /mnt").status();
    if status.is_ok_and(|status| status.success()) {
        return false;
    }
    let required = std::env::var("FULL_DISK").is_ok_and(|value| value == "required");
    assert!(!required, "mount namespaces are not available");
    eprintln!("skipped: mount namespaces are not available");
    true
}

/// Starts the server with a tmpfs of this size as its data directory.
pub(crate) fn start(data_dir: &Path, size: &str, settings: &[(&str, &str)]) -> Server {
    let script = format!("mount -t tmpfs -o size={size} tmpfs \"$DATA_DIR\" && exec \"$0\"");
    let mut command = in_namespace();
    command.arg(script).arg(env!("CARGO_BIN_EXE_logpulse")).envs(settings.iter().copied());
    command.env("DATA_DIR", data_dir).env("RATE_LIMIT_ENABLED", "false").env("RUST_LOG", "warn");
    Server::start(&mut command)
}

/// The data directory of the server as other processes see it.
pub(crate) fn seen_from_outside(server: &Server, data_dir: &Path) -> PathBuf {
    let root = Path::new("/proc").join(server.child.id().to_string()).join("root");
    root.join(data_dir.strip_prefix("/").unwrap())
}
