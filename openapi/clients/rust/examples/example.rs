//! Saves an entry, searches, and handles an error.

// README
use logpulse_client::types::NewLogEntry;
use logpulse_client::{Client, Error};
use uuid::uuid;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("LOGPULSE_URL").unwrap_or("http://127.0.0.1:8080".into());
    let logpulse = Client::new(&url);

    let attributes = serde_json::Map::from_iter([("order".into(), 4711.into())]);
    let entry = NewLogEntry::builder()
        .service_name("payment")
        .level("ERROR".to_owned())
        .message("card declined")
        .attributes(attributes);
    let saved = logpulse.save_log().body(entry).send().await?;
    println!("saved {}", saved.id);

    let levels = vec!["ERROR".parse()?, "FATAL".parse()?];
    let found = logpulse.search_logs().q("card declined").level(levels).send().await?;
    println!("found {}", found.total);

    let missing = uuid!("00000000-0000-7000-8000-000000000000");
    if let Err(Error::ErrorResponse(problem)) = logpulse.get_log().id(missing).send().await {
        println!("{} {}", problem.status, problem.detail);
    }
    Ok(())
}
// end
