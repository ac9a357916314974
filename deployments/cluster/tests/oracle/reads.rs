//! Reads of entries by id, one after the other: each must be answered, in time and unaltered.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::scene::Scene;
use crate::verdict::Complaints;

/// How long an answer may take, on a machine that is busy.
const IN_TIME: Duration = Duration::from_secs(2);

/// Reads the entries again and again until then; answers how often.
pub(crate) async fn until(
    end: Instant,
    scene: &Scene,
    acknowledged: &[(u64, String)],
    complaints: &mut Complaints,
) -> u64 {
    let mut count = 0;
    for (number, id) in acknowledged.iter().cycle() {
        if Instant::now() > end {
            break;
        }
        let asked = Instant::now();
        let answer = scene.api.http.get(scene.api.url(&format!("/logs/{id}"))).send().await;
        let entry = match answer {
            Ok(answer) if answer.status() == 200 => answer.json::<Value>().await.ok(),
            other => {
                complaints.add("reads that were not answered", format!("{id}: {other:?}"));
                continue;
            }
        };
        count += 1;
        let mut expected = scene.known.entry(*number);
        expected["id"] = Value::from(id.as_str());
        if entry.as_ref() != Some(&expected) {
            complaints.add("reads that were answered wrongly", format!("{id}: {entry:?}"));
        }
        if asked.elapsed() > IN_TIME {
            complaints.add("reads that took long", format!("{id}: {:?}", asked.elapsed()));
        }
    }
    count
}
