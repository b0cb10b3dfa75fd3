//! Large bodies: nobody else waits while they are read.

use std::{
    collections::HashSet,
    sync::Mutex,
    thread::{self, ThreadId},
};

use super::*;

/// Notes on which threads it is asked for the time, which what arrives is given where it is read.
#[derive(Debug, Default)]
struct Threads(Mutex<HashSet<ThreadId>>);

impl Clock for Threads {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().insert(thread::current().id());
        Timestamp::UNIX_EPOCH
    }

    fn steady(&self) -> Timestamp {
        self.now()
    }
}

/// Sends one notification of at least this size; says whether it was read on the thread that serves connections.
async fn is_read_where_others_wait(size: usize) -> bool {
    let (bench, threads) = (Bench::new(), Arc::new(Threads::default()));
    let intake = Arc::new(Intake::new(bench.store.clone(), Routes::new(Vec::new()), threads.clone(), Arc::default()));
    let (endpoints, store) = ([endpoint("/app", SECRET)], bench.store.clone());
    let receiver = Receiver::new(&endpoints, &limits(), intake, store, bench.clock.clone(), &bench.shutdown);
    let bench = Bench { receiver, ..bench };
    bench.ask(signed(notification(&"a".repeat(size)))).await.is(200, OK);
    assert_eq!(bench.store.receipts().await, 1);
    let threads = threads.0.lock().unwrap();
    assert_eq!(threads.len(), 1);
    threads.contains(&thread::current().id())
}

#[tokio::test]
async fn what_is_large_is_read_where_nobody_waits() {
    assert!(is_read_where_others_wait(1).await, "another thread would cost more than it saves");
    assert!(!is_read_where_others_wait(100_000).await);
}
