//! The journey of a log entry through functions that are processes of their own.

use cluster::{Cluster, left_out};
use journey::Api;

macro_rules! all {
    ([$($journey:ident,)*]) => {
        async fn every_journey(api: &Api) {
            $(
                println!("{}", stringify!($journey));
                journey::$journey(api).await;
            )*
        }
    };
}

journey::every_journey!(all);

#[tokio::test(flavor = "multi_thread")]
async fn the_functions_together_make_every_journey() {
    if left_out(module_path!()) {
        return;
    }
    let cluster = Cluster::fresh().await.with("RATE_LIMIT_ENABLED", "true");
    let (api, servers) = cluster.start_all();
    every_journey(&api).await;
    drop(servers);
    cluster.remove().await;
}
