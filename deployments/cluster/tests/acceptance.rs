//! Runs the acceptance tests against separate function processes with the real services.

use acceptance::Api;
use cluster::{Cluster, skip_without_services};

macro_rules! run_all {
    ([$($test:ident,)*]) => {
        async fn run_every_test(api: &Api) {
            $(
                println!("{}", stringify!($test));
                acceptance::suite::$test(api).await;
            )*
        }
    };
}

acceptance::for_each_test!(run_all);

macro_rules! replay_all {
    ([$($capture:ident,)*]) => {
        async fn replay_every_capture(api: &Api) {
            $(
                println!("{}", stringify!($capture));
                acceptance::captures::$capture(api).await;
            )*
        }
    };
}

acceptance::for_each_capture!(replay_all);

#[tokio::test(flavor = "multi_thread")]
async fn separate_functions_pass_the_acceptance_tests() {
    if skip_without_services(module_path!()) {
        return;
    }
    let cluster = Cluster::fresh().await.with("RATE_LIMIT_ENABLED", "true");
    let cluster = cluster.with("DELETE_ENABLED", "true");
    let (api, servers) = cluster.start_all();
    run_every_test(&api).await;
    replay_every_capture(&api).await;
    drop(servers);
    cluster.remove().await;
}
