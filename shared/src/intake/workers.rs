//! Runs CPU-bound work on separate threads. Decoding and parsing a large body takes milliseconds,
//! which would otherwise delay other requests.

use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::error::{Error, Source};

/// Runs CPU-bound work on at most as many blocking threads as there are processors.
#[derive(Debug, Clone)]
pub(super) struct Workers(Arc<Semaphore>);

impl Default for Workers {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(processors)))
    }
}

impl Workers {
    /// Runs the work once a processor is free.
    ///
    /// # Errors
    /// When the process is shutting down ([`Error::Unavailable`]).
    ///
    /// # Panics
    /// If the work panics.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let permit = self.0.clone().acquire_owned().await.map_err(shutting_down)?;
        let task = spawn_blocking(move || {
            // The permit is held until the work ends, even if the caller is cancelled earlier.
            let _permit = permit;
            work()
        });
        match task.await {
            Ok(result) => Ok(result),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => Err(shutting_down(error)),
        }
    }
}

fn shutting_down(source: impl Into<Source>) -> Error {
    Error::unavailable("server", source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_the_work_reaches_the_caller() {
        let task = tokio::spawn(async { Workers::default().run(|| panic!("expected")).await });
        assert!(task.await.unwrap_err().is_panic());
    }

    #[tokio::test]
    async fn work_holds_its_permit_after_its_caller_is_cancelled() {
        let workers = Workers(Arc::new(Semaphore::new(1)));
        let (finish, finished) = std::sync::mpsc::channel::<()>();
        let caller = workers.clone();
        let task = tokio::spawn(async move { caller.run(move || finished.recv()).await });
        while workers.0.available_permits() > 0 {
            tokio::task::yield_now().await;
        }

        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());

        assert_eq!(workers.0.available_permits(), 0);
        finish.send(()).unwrap();
        workers.run(|| ()).await.unwrap();
    }
}
