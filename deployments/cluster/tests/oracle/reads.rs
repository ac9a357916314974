//! Reads entries by id, one after another: each read must succeed in time and return the entry
//! unaltered.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::run::Run;
use crate::violations::Violations;

/// How long a read may take, with a margin for a busy machine.
const MAX_LATENCY: Duration = Duration::from_secs(2);

/// Reads the entries in a loop until `end`; returns the number of successful reads.
pub(crate) async fn read_until(
    end: Instant,
    run: &Run,
    acknowledged: &[(u64, String)],
    violations: &mut Violations,
) -> u64 {
    let mut count = 0;
    for (number, id) in acknowledged.iter().cycle() {
        if Instant::now() > end {
            break;
        }
        let started = Instant::now();
        let response = run.api.http.get(run.api.url(&format!("/logs/{id}"))).send().await;
        let entry = match response {
            Ok(response) if response.status() == 200 => response.json::<Value>().await.ok(),
            other => {
                violations.add("failed reads", format!("{id}: {other:?}"));
                continue;
            }
        };
        count += 1;
        let mut expected = run.ledger.entry(*number);
        expected["id"] = Value::from(id.as_str());
        if entry.as_ref() != Some(&expected) {
            violations.add("reads of altered entries", format!("{id}: {entry:?}"));
        }
        if started.elapsed() > MAX_LATENCY {
            violations.add("slow reads", format!("{id}: {:?}", started.elapsed()));
        }
    }
    count
}
