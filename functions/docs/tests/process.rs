//! Runs a function as a process and tests its exit codes, signals, and errors for invalid settings.
//! All functions share this code. The tests use `docs`, because it needs no other service.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Output, Stdio},
};

fn docs(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_docs"));
    command.env_clear().env("PORT", "0").env("RATE_LIMIT_ENABLED", "false");
    command.envs(variables.iter().copied()).stderr(Stdio::piped());
    command
}

/// Starts the process and waits until it is serving. Returns its log up to then.
fn start(variables: &[(&str, &str)]) -> (Child, Vec<String>) {
    let mut child = docs(variables).spawn().unwrap();
    let mut lines = Vec::new();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    while lines.last().is_none_or(|line: &String| !line.contains("serving")) {
        let mut line = String::new();
        let length = log.read_line(&mut line).unwrap();
        assert!(length > 0, "the process exited before it was serving: {lines:?}");
        lines.push(line);
    }
    // Keep reading the log, because the process would block once the pipe is full.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    (child, lines)
}

fn terminate(mut child: Child, signal: &str) -> Option<i32> {
    let process = child.id().to_string();
    assert!(Command::new("kill").args(["-s", signal, &process]).status().unwrap().success());
    child.wait().unwrap().code()
}

fn exit_code_and_log(variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = docs(variables).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn an_invalid_setting_is_logged_and_the_exit_code_is_78() {
    for (variable, value) in [
        ("PORT", "http"),
        ("LOG_FORMAT", "xml"),
        ("RATE_LIMIT_RATE", "0"),
        ("TRUSTED_PROXIES", "nginx"),
    ] {
        let (code, log) = exit_code_and_log(&[(variable, value)]);
        assert_eq!(code, Some(78), "{log}");
        assert!(log.contains(&format!("{variable}: ")), "{log}");
    }
}

#[test]
fn all_invalid_settings_are_logged_in_one_line() {
    let invalid = [("PORT", "http"), ("HOST", "a"), ("RATE_LIMIT_RATE", "0"), ("CACHE_URL", "::")];
    let (code, log) = exit_code_and_log(&invalid);
    assert_eq!((code, log.lines().count()), (Some(78), 1), "{log}");
    for problem in [
        "CACHE_URL: must be a URL",
        "; PORT: must be a whole number from 0 to 65535; ",
        "RATE_LIMIT_RATE: must be a whole number from 1 to 1000000",
    ] {
        assert!(log.contains(problem), "{log}");
    }
    let (code, log) = exit_code_and_log(&[("LOG_FORMAT", "xml"), ("PORT", "http")]);
    assert_eq!(code, Some(78), "{log}");
    let port = "PORT: must be a whole number from 0 to 65535";
    assert_eq!(log, format!("LOG_FORMAT: must be text or json; {port}\n"));
}

#[test]
fn an_invalid_log_filter_is_logged_and_the_default_level_applies() {
    for filter in ["inof", "shared=loud"] {
        let (child, lines) = start(&[("RUST_LOG", filter)]);
        let warning = format!(r#"RUST_LOG: invalid directive \"{filter}\": use a level"#);
        assert!(lines[0].contains("WARN") && lines[0].contains(&warning), "{lines:?}");
        assert_eq!(lines.iter().filter(|line| line.contains("RUST_LOG")).count(), 1, "{lines:?}");
        assert!(lines.last().unwrap().contains("INFO"), "{lines:?}");
        assert_eq!(terminate(child, "TERM"), Some(0));
    }
}

#[test]
fn a_missing_limiter_url_is_logged_and_the_exit_code_is_78() {
    let (code, log) = exit_code_and_log(&[("RATE_LIMIT_ENABLED", "true")]);
    assert_eq!(code, Some(78), "{log}");
    assert!(log.contains("LIMITER_URL: is missing"), "{log}");
}

#[test]
fn an_address_in_use_is_logged_and_the_exit_code_is_1() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (code, log) = exit_code_and_log(&[("PORT", &port)]);
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{log}");
}

#[test]
fn the_exit_code_after_sigterm_or_sigint_is_0() {
    for signal in ["TERM", "INT"] {
        let (child, _) = start(&[]);
        assert_eq!(terminate(child, signal), Some(0), "SIG{signal}");
    }
}
