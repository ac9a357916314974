//! The image of standalone LogPulse, started with plain `docker run`. `make test-standalone` builds
//! it and runs these tests.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "test code: a panic fails the test, and the size is printed"
)]

use acceptance::{Api, unique};
use cluster::{docker, skip, wait_until};
use serde_json::{Value, json};

/// The image must be smaller than this.
const MAX_IMAGE_BYTES: u64 = 50_000_000;

/// The image to test, from `STANDALONE_IMAGE`. If it is not set, the test is skipped.
fn image(test: &str) -> Option<String> {
    let image = std::env::var("STANDALONE_IMAGE").ok();
    if image.is_none() {
        skip(test, "run it with `make test-standalone`");
    }
    image
}

/// A container. Dropping it removes the container and its anonymous volumes.
struct Container(String);

impl Container {
    /// Starts the image on a free port of 127.0.0.1.
    fn start(image: &str, options: &[&str]) -> Self {
        let run = ["run", "--detach", "--publish", "127.0.0.1::8080"];
        Self(docker(&[&run[..], options, &[image]].concat()).trim().to_owned())
    }

    async fn ready(&self) -> Api {
        wait_until("the container is healthy", async || {
            self.inspect("{{.State.Health.Status}}") == "healthy"
        })
        .await;
        Api::new(&format!("http://{}", docker(&["port", &self.0, "8080/tcp"]).trim()))
    }

    fn inspect(&self, format: &str) -> String {
        docker(&["inspect", "--format", format, &self.0]).trim().to_owned()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        docker(&["rm", "--force", "--volumes", &self.0]);
    }
}

/// A named volume. Dropping it removes the volume.
struct Volume(String);

impl Drop for Volume {
    fn drop(&mut self) {
        docker(&["volume", "rm", "--force", &self.0]);
    }
}

async fn save(api: &Api, service: &str) -> String {
    let entry = json!({"service": service, "message": "kept"}).to_string();
    let saved = api.post("/logs", "application/json", entry).await;
    let saved: Value = saved.error_for_status().unwrap().json().await.unwrap();
    saved["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_standalone_image_is_smaller_than_50_mb() {
    let Some(image) = image(module_path!()) else { return };
    let bytes = docker(&["image", "inspect", "--format", "{{.Size}}", &image]);
    let bytes: u64 = bytes.trim().parse().unwrap();
    println!("{image}: {:.1} MB", bytes as f64 / 1e6);
    assert!(bytes < MAX_IMAGE_BYTES, "{bytes}");
}

#[tokio::test]
async fn a_container_without_options_runs_as_an_unprivileged_user() {
    let Some(image) = image(module_path!()) else { return };
    let container = Container::start(&image, &[]);
    let api = container.ready().await;

    let service = unique("image");
    let id = save(&api, &service).await;

    assert_eq!(api.entry(&id).await.unwrap()["message"], "kept");
    api.search_until(&[("service_name", &service)], 1).await;
    let processes = docker(&["top", &container.0, "-eo", "uid,pid"]);
    assert!(processes.lines().skip(1).all(|process| !process.trim().starts_with("0 ")));
}

#[tokio::test]
async fn a_volume_preserves_the_data_of_a_stopped_container() {
    let Some(image) = image(module_path!()) else { return };
    let volume = Volume(unique("logpulse-test"));
    let options = ["--volume", &format!("{}:/data", volume.0), "--read-only"];
    let service = unique("volume");

    let first = Container::start(&image, &options);
    let api = first.ready().await;
    let stored = save(&api, &service).await;
    api.search_until(&[("service_name", &service)], 1).await;
    let queued = save(&api, &service).await;
    docker(&["stop", &first.0]);
    assert_eq!(
        first.inspect("{{.State.ExitCode}}"),
        "0",
        "the container did not exit cleanly on SIGTERM"
    );
    drop(first);

    let second = Container::start(&image, &options);
    let api = second.ready().await;
    for id in [stored, queued] {
        assert_eq!(api.entry(&id).await.unwrap()["message"], "kept");
    }
    api.search_until(&[("service_name", &service)], 2).await;
    drop(second);
}
