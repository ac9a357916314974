//! Clients of the live tail. Each changes the replica every few seconds, and continues after its
//! last event.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance::TailClient;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::load::Ledger;

/// The number of clients.
const CLIENTS: usize = 2;

/// How long a client listens to a replica.
const CONNECTION: Duration = Duration::from_secs(3);

/// The pause before a client tries another replica.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// How long a client may take to receive the last entries.
const DEADLINE: Duration = Duration::from_secs(20);

/// The URLs of the replicas, which change when one is replaced.
pub(crate) type Replicas = Arc<Mutex<Vec<String>>>;

/// Clients that receive entries until they are dropped.
pub(crate) struct Tails {
    received: Vec<Arc<Mutex<Vec<Value>>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Tails {
    /// Starts the clients. Every entry of the service that is saved afterwards is an event.
    pub(crate) async fn start(replicas: &Replicas, service: &str) -> Self {
        let mut tails = Self { received: Vec::new(), tasks: Vec::new() };
        for number in 0..CLIENTS {
            let mut client = TailClient::new(service);
            let url = replicas.lock().unwrap()[number].clone();
            assert!(client.connect(&url).await, "the tail is unavailable");
            let received = Arc::<Mutex<Vec<Value>>>::default();
            tails.received.push(received.clone());
            tails.tasks.push(tokio::spawn(receive(client, replicas.clone(), received)));
        }
        tails
    }

    /// What each client has received, once it has everything that was acknowledged or some time has
    /// passed.
    pub(crate) async fn received_all(&self, ledger: &Ledger) -> Vec<Vec<Value>> {
        let acknowledged = ledger.acknowledged().len();
        let deadline = Instant::now() + DEADLINE;
        loop {
            let received = self.received.iter().map(|received| received.lock().unwrap().clone());
            let received: Vec<Vec<Value>> = received.collect();
            let is_complete = received.iter().all(|received| received.len() >= acknowledged);
            if is_complete || Instant::now() > deadline {
                return received;
            }
            sleep(RETRY_PAUSE).await;
        }
    }
}

impl Drop for Tails {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn receive(mut client: TailClient, replicas: Replicas, received: Arc<Mutex<Vec<Value>>>) {
    for number in 0_usize.. {
        let listen = async {
            while let Some(entry) = client.next().await {
                received.lock().unwrap().push(entry);
            }
        };
        // When the time is over, the client may be within an event.
        let _ = timeout(CONNECTION, listen).await;
        let mut turn = number;
        loop {
            let urls = replicas.lock().unwrap().clone();
            turn += 1;
            if client.connect(&urls[turn % urls.len()]).await {
                break;
            }
            sleep(RETRY_PAUSE).await;
        }
    }
}
