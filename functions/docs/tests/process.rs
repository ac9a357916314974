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

/// Starts the process and waits until it is serving.
fn start() -> Child {
    let mut child = docs(&[]).spawn().unwrap();
    let mut line = String::new();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    while !line.contains("serving") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the process exited before it was serving");
    }
    // Keep reading the log, because the process would block once the pipe is full.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    child
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
        ("RUST_LOG", "shared=loud"),
        ("RUST_LOG", "inof"),
        ("RATE_LIMIT_RATE", "0"),
        ("TRUSTED_PROXIES", "nginx"),
    ] {
        let (code, log) = exit_code_and_log(&[(variable, value)]);
        assert_eq!(code, Some(78), "{log}");
        assert!(log.contains(&format!("{variable}: ")), "{log}");
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
        let mut child = start();
        let process = child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &process]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(0), "SIG{signal}");
    }
}
