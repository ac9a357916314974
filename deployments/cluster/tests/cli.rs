//! The command line of each function. The tests need no services.
#![allow(clippy::unwrap_used, reason = "test code: a panic fails the test")]

use std::process::Output;

use cluster::{bare_function, functions};

/// Each function, with a setting that its help describes.
const FUNCTIONS: [(&str, &str); 19] = [
    ("any", "QUEUE_URL"),
    ("bulk", "QUEUE_URL"),
    ("loki", "QUEUE_URL"),
    ("otlp", "QUEUE_URL"),
    ("ingest", "QUEUE_URL"),
    ("get", "CACHE_URL"),
    ("search", "INDEX_URL"),
    ("context", "INDEX_URL"),
    ("export", "INDEX_URL"),
    ("fields", "INDEX_URL"),
    ("patterns", "INDEX_URL"),
    ("stats", "INDEX_URL"),
    ("delete", "DELETE_ENABLED"),
    ("docs", "LIMITER_URL"),
    ("explorer", "CORS_ALLOWED_ORIGINS"),
    ("syslog", "QUEUE_URL"),
    ("tail", "QUEUE_URL"),
    ("consumer", "QUEUE_URL"),
    ("retention", "RETENTION"),
];

/// Runs a function; returns its exit code, standard output and standard error.
fn run(function: &str, arguments: &[&str], settings: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = bare_function(function);
    command.args(arguments).envs(settings.iter().copied());
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn help_describes_each_function_even_with_invalid_settings() {
    for (function, setting) in FUNCTIONS {
        let invalid = [("PORT", "http"), ("RUST_LOG", "inof"), (setting, "::")];
        let (code, help, errors) = run(function, &["--help"], &invalid);
        assert_eq!((code, errors.as_str()), (0, ""), "{function}");
        let usage = format!("Usage: {function} [OPTIONS]");
        for expected in [&format!("LogPulse {function}: "), &usage, setting, "serve", "/docs"] {
            assert!(help.contains(expected), "{expected} is missing: {help}");
        }
        for command in ["dead-letters", "reindex"] {
            assert_eq!(help.contains(command), function == "consumer", "{help}");
        }
    }
}

#[test]
fn the_tests_cover_every_function() {
    let mut tested = FUNCTIONS.map(|(function, _)| function);
    tested.sort_unstable();
    assert_eq!(functions(), tested);
}

#[test]
fn every_function_prints_the_version_of_logpulse() {
    for (function, _) in FUNCTIONS {
        let (code, version, _) = run(function, &["--version"], &[]);
        assert_eq!((code, version), (0, format!("{function} {}\n", shared::VERSION)));
    }
}

#[test]
fn the_exit_code_for_an_invalid_command_line_is_2() {
    for (function, _) in FUNCTIONS {
        for arguments in [&["--halp"][..], &["server"], &["serve", "now"], &["--health", "serve"]] {
            let (code, output, errors) = run(function, arguments, &[]);
            assert_eq!((code, output.as_str()), (2, ""), "{function} {arguments:?}");
            assert!(errors.starts_with("error: "), "{errors}");
        }
    }
    assert_eq!(run("ingest", &["dead-letters", "list"], &[]).0, 2);
    assert_eq!(run("consumer", &["dead-letters"], &[]).0, 2);
    let (code, _, errors) =
        run("consumer", &["reindex", "--from", "2026-11-23", "--to", "2026-11-22"], &[]);
    assert_eq!((code, errors.trim()), (2, "error: --from 2026-11-23 is after --to 2026-11-22"));
    assert_eq!(run("consumer", &["reindex", "--from", "yesterday"], &[]).0, 2);
}

#[test]
fn the_exit_code_for_an_invalid_setting_is_78() {
    for (function, setting) in FUNCTIONS {
        for arguments in [&[][..], &["serve"]] {
            let (code, _, errors) = run(function, arguments, &[(setting, "::")]);
            assert_eq!(code, 78, "{function}: {errors}");
            assert!(errors.contains(&format!("{setting}: must be ")), "{errors}");
        }
        let (code, _, errors) = run(function, &[], &[(setting, "::"), ("PORT", "http")]);
        assert_eq!(code, 78, "{function}: {errors}");
        for problem in [&format!("{setting}: must be "), "PORT: must be a whole number"] {
            assert!(errors.contains(problem), "{function}: {errors}");
        }
    }
}

#[test]
fn the_health_check_of_a_stopped_server_exits_with_1() {
    for (function, _) in FUNCTIONS {
        let (code, _, errors) = run(function, &["--health"], &[("PORT", "1")]);
        assert_eq!(code, 1, "{function}");
        assert!(errors.starts_with("/readyz does not respond: "), "{errors}");
    }
}
