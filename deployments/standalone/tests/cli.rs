//! The command line of `logpulse`: help, exit codes, standard output and standard error.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod support;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

fn logpulse(arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logpulse"));
    command.env_clear().env("PORT", "0").args(arguments).envs(settings.iter().copied());
    command
}

/// Runs `logpulse` and returns its exit code, standard output and standard error.
fn run(arguments: &[&str], settings: &[(&str, &str)]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = logpulse(arguments, settings).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn help_works_with_invalid_settings() {
    let invalid = [("PORT", "http"), ("RUST_LOG", "inof"), ("LOG_FORMAT", "xml")];
    let (code, help, errors) = run(&["--help"], &invalid);
    assert_eq!((code, errors.as_str()), (0, ""));
    let usage = "Usage: logpulse [OPTIONS]";
    for expected in
        ["a log server", usage, "serve", "dead-letters", "reindex", "DATA_DIR", ".env", "/docs"]
    {
        assert!(help.contains(expected), "{expected} is missing: {help}");
    }
    let (code, help, _) = run(&["help", "dead-letters"], &[]);
    assert_eq!(code, 0);
    assert!(help.contains("list") && help.contains("replay"), "{help}");
}

#[test]
fn the_version_option_prints_the_name_and_version() {
    let (code, version, _) = run(&["--version"], &[]);
    assert_eq!((code, version), (0, format!("logpulse {}\n", shared::VERSION)));
}

#[test]
fn invalid_arguments_cause_exit_code_2_and_create_no_data() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let settings = [("DATA_DIR", data_dir.to_str().unwrap())];
    for arguments in [&["--halp"][..], &["sevre"], &["dead-letters"], &["dead-letters", "show"]] {
        let (code, output, errors) = run(arguments, &settings);
        assert_eq!((code, output.as_str()), (2, ""), "{arguments:?}");
        assert!(errors.contains("Usage: logpulse") || errors.contains("--help"), "{errors}");
    }
    assert!(!data_dir.exists());
}

#[test]
fn the_error_names_the_invalid_setting() {
    for (variable, value) in
        [("LOG_FORMAT", "xml"), ("QUEUE_MAX_BYTES", "10 GB"), ("BATCH_MAX_ENTRIES", "0")]
    {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = ("DATA_DIR", folder.path().to_str().unwrap());
        let (code, output, errors) = run(&["serve"], &[data_dir, (variable, value)]);
        assert_eq!((code, output.as_str()), (78, ""), "{errors}");
        assert!(errors.contains(&format!("{variable}: ")), "{errors}");
    }
}

#[test]
fn the_error_names_all_invalid_settings() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let settings = [
        ("DATA_DIR", data_dir.to_str().unwrap()),
        ("PORT", "http"),
        ("BATCH_MAX_WAIT_MS", "1s"),
        ("INDEX_ATTRIBUTES_MAX", "many"),
        ("MAX_ENTRY_BYTES", "2 MB"),
        ("RATE_LIMIT_ENABLED", "maybe"),
    ];
    let (code, output, errors) = run(&["serve"], &settings);
    assert_eq!((code, output.as_str()), (78, ""), "{errors}");
    for (variable, _) in &settings[1..] {
        assert!(errors.contains(&format!("{variable}: must be ")), "{errors}");
    }
    assert!(!data_dir.exists());
}

#[test]
fn dead_letters_commands_fail_without_a_queue() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    for (data_dir, reason) in [(missing.as_path(), "does not exist"), (folder.path(), "queue.db")] {
        for command in ["list", "replay"] {
            let data_dir = data_dir.to_str().unwrap();
            let (code, output, errors) = run(&["dead-letters", command], &[("DATA_DIR", data_dir)]);
            assert_eq!((code, output.as_str()), (78, ""), "{errors}");
            assert!(errors.contains(&format!("DATA_DIR: {data_dir} ")), "{errors}");
            assert!(errors.contains(reason), "{errors}");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a file was created");
}

#[test]
fn dead_letters_can_be_managed_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let _server = support::start(folder.path(), &[]);
    let data_dir = [("DATA_DIR", folder.path().to_str().unwrap())];
    for command in ["list", "replay"] {
        let (code, output, errors) = run(&["dead-letters", command], &data_dir);
        assert_eq!((code, output.as_str()), (0, ""), "{errors}");
        assert!(errors.contains("no dead letters"), "{errors}");
    }
}

/// Starts `logpulse`, stops it once it is serving, and returns its standard output and standard
/// error.
fn serve_and_stop(data_dir: &Path, settings: &[(&str, &str)]) -> (String, String) {
    let mut command = logpulse(&["serve"], settings);
    command.env("DATA_DIR", data_dir).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let errors = read_log_and_stop(child.stderr.take().unwrap(), Pid::from_child(&child));
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(child.wait().unwrap().success(), "{errors}");
    (output, errors)
}

/// Reads the log to its end, and sends SIGTERM as soon as the process is serving.
fn read_log_and_stop(mut log: impl Read, process: Pid) -> String {
    let (mut text, mut buffer, mut is_stopped) = (String::new(), [0; 1024], false);
    // Reading from a terminal fails once the process has exited.
    while let Ok(length @ 1..) = log.read(&mut buffer) {
        text.push_str(&String::from_utf8_lossy(&buffer[..length]));
        if !is_stopped && text.contains("serving") {
            kill_process(process, Signal::TERM).unwrap();
            is_stopped = true;
        }
    }
    text
}

#[test]
fn the_banner_and_the_log_go_to_standard_error_without_colour() {
    let folder = tempfile::tempdir().unwrap();
    let (output, log) = serve_and_stop(folder.path(), &[("LOG_FORMAT", "text")]);
    assert_eq!(output, "");
    assert!(log.contains("LogPulse is ready on http://127.0.0.1:"), "{log}");
    assert!(!log.contains('\x1b'), "{log}");
}

#[test]
fn every_line_of_a_json_log_is_json() {
    let folder = tempfile::tempdir().unwrap();
    let (output, log) = serve_and_stop(folder.path(), &[]);
    assert_eq!(output, "");
    for line in log.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["message"].is_string(), "{line}");
    }
}

/// Starts `logpulse` on a terminal, stops it once it is serving, and returns the terminal's output.
fn serve_on_terminal(settings: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let path = ptsname(&controller, Vec::new()).unwrap();
    let terminal = File::options().write(true).open(path.to_str().unwrap()).unwrap();
    let mut command = logpulse(&[], settings);
    command.env("DATA_DIR", folder.path()).stderr(terminal);
    let mut child = command.spawn().unwrap();
    // The command keeps the terminal open until it is dropped.
    drop(command);
    let screen = read_log_and_stop(File::from(controller), Pid::from_child(&child));
    assert!(child.wait().unwrap().success(), "{screen}");
    screen
}

#[test]
fn a_terminal_shows_colour_unless_no_color_is_set() {
    let screen = serve_on_terminal(&[]);
    assert!(screen.contains("LogPulse is ready") && screen.contains('\x1b'), "{screen}");
    let screen = serve_on_terminal(&[("NO_COLOR", "1")]);
    assert!(screen.contains("LogPulse is ready") && !screen.contains('\x1b'), "{screen}");
}
