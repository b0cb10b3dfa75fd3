//! A server that is not ours: it serves what controls need, such as pages that escape nothing.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// Serves an answer to each path on loopback; returns where.
pub(crate) fn serve(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || converse(&stream, &*answer));
        }
    });
    format!("http://{address}")
}

fn converse(stream: &TcpStream, answer: &dyn Fn(&str) -> String) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    lines.find(String::is_empty);
    let path = first.split(' ').nth(1).unwrap_or("/");
    let answer = answer(path);
    let mut stream = stream;
    let _ = stream.write_all(answer.as_bytes());
}

/// An answer with a type, a policy if there is one, and a body.
pub(crate) fn answer(kind: &str, policy: &str, body: &str) -> String {
    let policy = if policy.is_empty() { String::new() } else { format!("Content-Security-Policy: {policy}\r\n") };
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{policy}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}
