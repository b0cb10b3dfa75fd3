//! As much HTTP as a client needs that wants to cost little: requests made in one buffer, answers read to their end.

use std::io;

use asc_webhooks::{
    secret::Secret,
    signature::{self, HEADER},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Where the servers receive.
pub(crate) const PATH: &str = "/apple/my-app";

/// What the servers are told to verify with.
pub(crate) const SECRET: &str = "a secret that only the benches use";

/// A notification of one KiB with an id of its own.
pub(crate) fn event(number: u64) -> Vec<u8> {
    let body = format!(
        r#"{{"data":{{"type":"appStoreVersionAppVersionStateUpdated","id":"00000000-be0c-4000-8000-{number:012x}","version":1,"attributes":{{"newValue":"READY_FOR_REVIEW","oldValue":"PREPARE_FOR_SUBMISSION","timestamp":"2026-05-16T05:00:52.745Z","padding":"{}"}},"relationships":{{"instance":{{"data":{{"type":"appStoreVersions","id":"ad7e6298-2570-4ca6-b3cc-f81788e40bdc"}}}}}}}}}}"#,
        "x".repeat(1_024 - 356)
    );
    body.into_bytes()
}

/// A connection that is kept.
pub(crate) struct Connection {
    stream: TcpStream,
    secret: Secret,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, secret: Secret::new(SECRET), buffer: Vec::with_capacity(4_096) })
    }

    /// Sends a notification with its signature, or with one that is forged; says what status is answered.
    pub(crate) async fn send(&mut self, body: &[u8], forged: bool) -> io::Result<u16> {
        let signature = signature::sign(&self.secret, if forged { b"something else" } else { body });
        let length = body.len();
        self.buffer.clear();
        let head = format!("POST {PATH} HTTP/1.1\r\nhost: bench\r\n{HEADER}: {signature}\r\ncontent-length: {length}\r\n\r\n");
        self.buffer.extend_from_slice(head.as_bytes());
        self.buffer.extend_from_slice(body);
        self.stream.write_all(&self.buffer).await?;
        self.status().await
    }

    /// Asks for a page; says what status is answered.
    pub(crate) async fn get(&mut self, path: &str) -> io::Result<u16> {
        self.stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n").as_bytes()).await?;
        self.status().await
    }

    async fn status(&mut self) -> io::Result<u16> {
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(length) = length(&self.buffer)
                && self.buffer.len() >= length
            {
                let digits = self.buffer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
                return digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into());
            }
        }
    }
}

/// How long an answer is, once its head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).ok()?;
    let body = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    Some(head + body.unwrap_or(0))
}
