//! The same entries through VictoriaLogs, as its documentation describes (JSON stream API). The
//! variable `VICTORIA_LOGS` is the path of its binary. It acknowledges entries before they are on
//! disk, and has no index of fragments, so only sizes and costs can be compared.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::load::{Connection, Request, drive, get, post};
use crate::process::cpu_seconds;
use crate::{CONNECTIONS, disk, folder};

const INSERT: &str =
    "/insert/jsonline?_stream_fields=service_name&_time_field=timestamp&_msg_field=message";

const COUNT: &str = "/select/logsql/query?query=*%20%7C%20stats%20count()%20entries";

/// A server, which is killed when this is dropped.
struct Peer {
    process: Child,
    address: String,
}

impl Peer {
    async fn start(program: &str, data_dir: &Path) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("failed to find a free port");
        let address = free.local_addr().expect("the listener has an address").to_string();
        drop(free);
        let mut process = Command::new(program)
            .arg(format!("-storageDataPath={}", data_dir.display()))
            .arg(format!("-httpListenAddr={address}"))
            // By default, entries that are older than a week are dropped.
            .args(["-retentionPeriod=100y", "-loggerLevel=ERROR"])
            .spawn()
            .expect("failed to start VICTORIA_LOGS");
        while tokio::net::TcpStream::connect(&address).await.is_err() {
            assert!(matches!(process.try_wait(), Ok(None)), "VICTORIA_LOGS has ended");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self { process, address }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends the batches, and prints how fast they are accepted and become searchable, the CPU time of
/// an entry, and the disk space.
pub(crate) async fn load(program: &str, data_dir: &Path, batches: &[Vec<String>]) {
    let (count, bytes) = folder::size(batches);
    let requests: Vec<Request> = batches
        .iter()
        .map(|lines| post(INSERT, "application/stream+json", lines.join("\n").as_bytes()))
        .collect();
    let peer = Peer::start(program, data_dir).await;
    let started = Instant::now();
    let accepted = drive(&peer.address, CONNECTIONS, requests).await.per_second(count);
    let mut connection = Connection::open(&peer.address).await;
    let all = format!("\"{count}\"");
    while !connection.send(&get(COUNT)).await.1.contains(&all) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let searchable = count as f64 / started.elapsed().as_secs_f64();
    let size = disk::settled_size(data_dir).await;
    let cpu = cpu_seconds(peer.process.id()) * 1e6 / count as f64;
    println!(
        "VictoriaLogs: {accepted:.0} entries/s accepted, {searchable:.0}/s searchable, {cpu:.1} µs of CPU each, \
         {:.3} bytes per byte of the entries sent",
        size as f64 / bytes as f64
    );
}
