//! HTTP/1.1 by hand: small enough to see every byte, and to send wrong ones.

use std::{
    io::{self, BufRead, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use asc_webhooks::{
    secret::Secret,
    signature::{self, HEADER},
};

use super::{PATH, SECRET};

/// A connection that sends one request after another.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects. No read takes longer than half a minute, so no test hangs.
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(10))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a notification with its right signature.
    pub(crate) fn send(&mut self, body: &[u8]) -> io::Result<Message> {
        let signature = signature::sign(&Secret::new(SECRET), body);
        let length = body.len();
        self.write(
            format!("POST {PATH} HTTP/1.1\r\nhost: test\r\n{HEADER}: {signature}\r\ncontent-length: {length}\r\n\r\n"),
            body,
        )?;
        self.answer()
    }

    /// Asks for a page.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<Message> {
        self.write(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"), b"")?;
        self.answer()
    }

    /// Writes any bytes.
    pub(crate) fn write(&mut self, head: impl AsRef<[u8]>, body: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(&[head.as_ref(), body].concat())
    }

    /// Reads an answer.
    pub(crate) fn answer(&mut self) -> io::Result<Message> {
        Message::read(&mut self.0)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// A request or an answer.
pub(crate) struct Message {
    start: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Reads one whose length is told by `content-length`; none at the end of the connection.
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut start = String::new();
        if reader.read_line(&mut start)? == 0 {
            return Ok(None);
        }
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut message = Self { start: start.trim_end().to_owned(), headers, body: Vec::new() };
        let length = message.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        reader.take(length).read_to_end(&mut message.body)?;
        Ok(Some(message))
    }

    /// The status of an answer.
    pub(crate) fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All of it as text, for looking through.
    pub(crate) fn text(&self) -> String {
        format!("{}\n{:?}\n{}", self.start, self.headers, String::from_utf8_lossy(&self.body))
    }
}

/// One request on a connection of its own.
pub(crate) fn send(address: SocketAddr, body: &[u8]) -> io::Result<Message> {
    Connection::open(address)?.send(body)
}

/// One page on a connection of its own.
pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<Message> {
    Connection::open(address)?.get(path)
}
