//! The other end of a `forward` handler: counts which events reach it, and answers as it is told.

use std::{
    collections::{HashMap, HashSet},
    io::{BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    thread,
};

use super::http::Message;

/// A server on loopback that notes every event it is sent.
#[derive(Clone)]
pub(crate) struct Sink {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    seen: Arc<Mutex<HashMap<String, usize>>>,
    keys: Arc<Mutex<HashMap<String, Vec<String>>>>,
}

impl Sink {
    /// Opens one that answers 200.
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (address, status) = (listener.local_addr().unwrap(), Arc::new(AtomicU16::new(200)));
        let sink = Self { address, status, seen: Arc::default(), keys: Arc::default() };
        let other = sink.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sink = other.clone();
                thread::spawn(move || sink.serve(&stream));
            }
        });
        sink
    }

    /// The configuration of a handler that sends every event here.
    pub(crate) fn handler(&self, name: &str) -> String {
        format!(
            r#"
[[handler]]
name = "{name}"
kind = "forward"
url = "http://{}/{name}"
body = "raw"
enrich = "off"
allow_private = true
concurrency = 32
timeout = "10s"
retry = ["100ms", "200ms", "500ms", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s"]
"#,
            self.address
        )
    }

    /// What to answer from now on.
    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// The events that were taken, by their ids.
    pub(crate) fn events(&self) -> HashSet<String> {
        self.seen.lock().unwrap().keys().cloned().collect()
    }

    /// How many events were taken.
    pub(crate) fn len(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// How often each event was taken.
    pub(crate) fn counts(&self) -> HashMap<String, usize> {
        self.seen.lock().unwrap().clone()
    }

    /// Under which idempotency key each event came, taken or not, each time it did.
    pub(crate) fn keys(&self) -> HashMap<String, Vec<String>> {
        self.keys.lock().unwrap().clone()
    }

    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Ok(Some(request)) = Message::read(&mut reader) {
            let event: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            let id = event["data"]["id"].as_str().unwrap().to_owned();
            let key = request.header("idempotency-key").unwrap().to_owned();
            self.keys.lock().unwrap().entry(id.clone()).or_default().push(key);
            let status = self.status.load(Ordering::Relaxed);
            if status == 200 {
                *self.seen.lock().unwrap().entry(id).or_default() += 1;
            }
            let answer = format!("HTTP/1.1 {status} Because\r\ncontent-length: 0\r\n\r\n");
            if (&*stream).write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}
