//! `RUST_LOG`: which events are logged.
//! A directive is a level, or a target with a level. tracing also accepts a bare target, but then
//! a misspelt level would log nothing, so a bare word that is not a level is rejected.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, LevelFilter};

use crate::config::ConfigError;

/// Parses the value of `RUST_LOG`.
///
/// # Errors
/// When a directive is neither a level nor a target with a level.
pub(super) fn parse(value: &str) -> Result<EnvFilter, ConfigError> {
    let directives: Vec<&str> =
        value.split(',').map(str::trim).filter(|directive| !directive.is_empty()).collect();
    for directive in &directives {
        if !is_valid(directive) {
            let problem = format!(
                "invalid directive \"{directive}\": use a level (off, error, warn, info, debug, \
                 trace) or a target with a level, such as shared::http=debug"
            );
            return Err(ConfigError::new("RUST_LOG", problem));
        }
    }
    let filter = EnvFilter::builder().parse(directives.join(","));
    filter.map_err(|error| ConfigError::new("RUST_LOG", error.to_string()))
}

fn is_valid(directive: &str) -> bool {
    let Some(target_end) = directive.find(['=', '[']) else {
        return directive.parse::<LevelFilter>().is_ok();
    };
    let is_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ':');
    directive[..target_end].chars().all(is_path) && directive.parse::<Directive>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_targets_with_a_level_are_accepted() {
        for value in ["info", "OFF", "warn,shared=debug", " info , shared::http=trace", "info,"] {
            assert!(parse(value).is_ok(), "{value}");
        }
        assert!(parse("[request{method=GET}]=debug").is_ok());
    }

    #[test]
    fn the_error_quotes_the_invalid_directive() {
        for (value, directive) in [
            ("inof", "inof"),
            ("shared", "shared"),
            ("shared=loud", "shared=loud"),
            ("info, shard=debgu", "shard=debgu"),
            ("info;shared=debug", "info;shared=debug"),
        ] {
            let error = parse(value).unwrap_err().to_string();
            let expected = format!("RUST_LOG: invalid directive \"{directive}\"");
            assert!(error.starts_with(&expected), "{value}: {error}");
        }
    }
}
