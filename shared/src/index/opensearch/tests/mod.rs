//! Tests with a failing server, and tests that a real server agrees with LogPulse's rules. The
//! latter only run with `LOGPULSE_TEST_SERVICES=required`.

mod cases;
mod failures;
mod server;
