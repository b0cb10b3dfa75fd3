//! Strangers who send much fill no memory, however many they are: what nobody has proven has a fixed room, and Apple needs none of it.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use crate::support::{
    PATH,
    http::send,
    load::{event, event_id},
    report,
    server::{Server, Setup},
};

/// How many strangers come, who send 180 MiB together.
const STRANGERS: usize = 200;

/// How many bytes each says that it is going to send.
const DECLARED: usize = 1_000_000;

/// How many it sends.
const SENT: usize = 900 * 1_024;

/// The most MiB that the program may ever have had: the room for what is not proven, and enough for all the rest of it.
const BOUND: u64 = 64 + 96;

#[test]
fn strangers_with_large_bodies_fill_no_memory() {
    let Pressed { peak, refused, holding, apple } = press(&Setup::new());
    report(&format!("{STRANGERS} large bodies: {holding} held, {refused} refused, and never more than {peak} MiB of memory"));
    assert!(peak < BOUND, "{STRANGERS} strangers filled {peak} MiB");
    assert!(refused > 0, "there was room for everyone, and nobody was told otherwise");
    assert!(holding > 0, "everyone was shown out, so nothing was held against Apple");
    assert_eq!(apple, 200, "Apple is served meanwhile");
}

#[test]
fn control_endless_room_is_caught() {
    let Pressed { peak, refused, holding, apple } = press(&Setup::new().sabotaged("endless-room"));
    report(&format!("with endless room: {holding} held, {refused} refused, and {peak} MiB of memory"));
    assert!(peak >= BOUND, "{holding} large bodies are held, and only {peak} MiB of memory are seen");
    assert_eq!((refused, holding, apple), (0, STRANGERS, 200), "nothing else is broken");
}

/// What came of it.
struct Pressed {
    /// The most memory that the program had, in MiB.
    peak: u64,
    /// How many strangers were told that there is no room.
    refused: usize,
    /// How many are still waited for.
    holding: usize,
    /// What Apple is answered in the midst of it.
    apple: u16,
}

fn press(setup: &Setup) -> Pressed {
    let server = setup.start();
    let body = vec![b'x'; SENT];
    let mut strangers: Vec<TcpStream> = (0..STRANGERS).map(|_| send_most(server.public(), &body)).collect();
    hold_still(&server);
    let apple = send(server.public(), &event(&event_id(1))).unwrap().status();
    let (mut refused, mut holding) = (0, 0);
    for stranger in &mut strangers {
        let mut answer = [0; 1_024];
        match stranger.read(&mut answer) {
            Ok(length) => refused += usize::from(answer[..length].starts_with(b"HTTP/1.1 503 ")),
            Err(error) => holding += usize::from(error.kind() == io::ErrorKind::WouldBlock),
        }
    }
    Pressed { peak: peak(&server), refused, holding, apple }
}

/// A stranger who sends most of a body, and then holds still.
fn send_most(address: SocketAddr, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(10)).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(format!("POST {PATH} HTTP/1.1\r\nhost: test\r\ncontent-length: {DECLARED}\r\n\r\n").as_bytes()).unwrap();
    // Whoever has been refused is not listened to for ever.
    let _ = stream.write_all(body);
    stream.set_nonblocking(true).unwrap();
    stream
}

/// Waits until the program has read all that it is going to read, which is when it needs no more memory for a while.
fn hold_still(server: &Server) {
    let mut before = 0;
    while peak(server) > before {
        before = peak(server);
        thread::sleep(Duration::from_secs(1));
    }
}

/// The most memory that the program has had since it started, in MiB.
fn peak(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
}
