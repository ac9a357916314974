//! Tests with a failing server, with one that imitates OpenSearch, and tests that a real server
//! agrees with LogPulse's rules. The last ones only run with `LOGPULSE_TEST_SERVICES=required`.

mod cases;
mod earlier_releases;
mod failures;
mod imitation;
mod merging;
mod server;

pub(crate) use self::imitation::imitation;
