//! A mail server on loopback: it speaks SMTP, makes the connection secret with the test authority's certificate, asks who is there,
//! keeps what it takes, and misbehaves as told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// How the server keeps the connection secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    Starttls,
    Implicit,
    Plain,
}

/// A letter that was taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Taken {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) login: Option<(String, String)>,
    pub(super) secret: bool,
    /// The letter, without the dots that were doubled.
    pub(super) text: String,
}

/// The server.
pub(super) struct Sink {
    pub(super) port: u16,
    state: Arc<State>,
}

struct State {
    speaks: Speaks,
    mechanisms: &'static str,
    /// What is replied to a line that begins so, instead of yes. `CLOSE` ends the connection, `WAIT` says nothing, `SLOW` says yes after
    /// a while. Of several, between `|`, each has its turn; nothing is yes, as is everything after the last.
    replies: BTreeMap<&'static str, &'static str>,
    turns: Mutex<BTreeMap<&'static str, usize>>,
    tls: TlsAcceptor,
    taken: Mutex<Vec<Taken>>,
    visits: Mutex<usize>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Sink {
    pub(super) async fn start(speaks: Speaks, mechanisms: &'static str, replies: &[(&'static str, &'static str)]) -> Self {
        let certificate = CertificateDer::from_pem_slice(include_bytes!("../../../../tests/fixtures/tls/localhost.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("../../../../tests/fixtures/tls/localhost.key.pem")).unwrap();
        let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let state = Arc::new(State {
            speaks,
            mechanisms,
            replies: replies.iter().copied().collect(),
            turns: Mutex::default(),
            tls: TlsAcceptor::from(Arc::new(tls)),
            taken: Mutex::default(),
            visits: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = Self { port: listener.local_addr().unwrap().port(), state: Arc::clone(&state) };
        #[expect(clippy::disallowed_methods, reason = "a test's own server")]
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *state.visits.lock().unwrap() += 1;
                // Who breaks the conversation off is a client that a test makes do so.
                let _ = state.serve(stream).await;
            }
        });
        sink
    }

    pub(super) fn taken(&self) -> Vec<Taken> {
        self.state.taken.lock().unwrap().clone()
    }

    pub(super) fn recipients(&self) -> Vec<String> {
        self.taken().into_iter().flat_map(|taken| taken.to).collect()
    }

    pub(super) fn visits(&self) -> usize {
        *self.state.visits.lock().unwrap()
    }
}

impl State {
    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut secret = self.speaks == Speaks::Implicit;
        let stream: Box<dyn Stream> = if secret { Box::new(self.tls.accept(stream).await?) } else { Box::new(stream) };
        let mut stream = BufReader::new(stream);
        let mut envelope = Taken::default();
        self.reply(&mut stream, "GREETING", "220 sink.example ESMTP").await?;
        loop {
            let line = heard(&mut stream).await?;
            let verb = line.split(' ').next().unwrap_or_default().to_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    let offer = if self.speaks == Speaks::Starttls && !secret { "250-STARTTLS\r\n" } else { "" };
                    let yes = format!("250-sink.example\r\n{offer}250-AUTH {}\r\n250 8BITMIME", self.mechanisms);
                    self.reply(&mut stream, &line, &yes).await?;
                }
                "STARTTLS" => {
                    self.reply(&mut stream, &line, "220 go ahead").await?;
                    stream = BufReader::new(Box::new(self.tls.accept(stream.into_inner()).await?));
                    secret = true;
                }
                "AUTH" => envelope.login = Some(self.log_in(&mut stream, &line).await?),
                "MAIL" => {
                    envelope.from = address(&line);
                    self.reply(&mut stream, &line, "250 ok").await?;
                }
                "RCPT" => {
                    if self.reply(&mut stream, &line, "250 ok").await? {
                        envelope.to.push(address(&line));
                    }
                }
                "DATA" => {
                    self.reply(&mut stream, &line, "354 end with a dot").await?;
                    let mut text = String::new();
                    loop {
                        match heard(&mut stream).await?.as_str() {
                            "." => break,
                            line => text.extend([line.strip_prefix('.').unwrap_or(line), "\r\n"]),
                        }
                    }
                    // What cannot be answered is taken all the same.
                    let answered = self.reply(&mut stream, "LETTER", "250 queued").await;
                    if *answered.as_ref().unwrap_or(&true) {
                        self.taken.lock().unwrap().push(Taken { secret, text, ..envelope.clone() });
                    }
                    answered?;
                }
                "QUIT" => return self.reply(&mut stream, &line, "221 bye").await.map(drop),
                _ => drop(self.reply(&mut stream, &line, "500 what?").await?),
            }
        }
    }

    /// Replies yes, unless told otherwise. Whether it was yes.
    async fn reply(&self, stream: &mut BufReader<Box<dyn Stream>>, line: &str, yes: &str) -> std::io::Result<bool> {
        let mut told =
            self.replies.iter().find(|(start, _)| line.starts_with(*start)).and_then(|(start, all)| self.turn(start, all));
        match told {
            Some("CLOSE") => return Err(std::io::ErrorKind::ConnectionAborted.into()),
            Some("WAIT") => std::future::pending().await,
            Some("SLOW") => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                told = None;
            }
            _ => {}
        }
        stream.write_all(format!("{}\r\n", told.unwrap_or(yes)).as_bytes()).await?;
        stream.flush().await?;
        Ok(told.is_none())
    }

    /// The reply whose turn it is; none is yes.
    fn turn(&self, start: &'static str, all: &'static str) -> Option<&'static str> {
        if !all.contains('|') {
            return Some(all);
        }
        let mut turns = self.turns.lock().unwrap();
        let turn = turns.entry(start).or_default();
        *turn += 1;
        all.split('|').nth(*turn - 1).filter(|reply| !reply.is_empty())
    }

    async fn log_in(&self, stream: &mut BufReader<Box<dyn Stream>>, line: &str) -> std::io::Result<(String, String)> {
        let text = |base64: &str| String::from_utf8(STANDARD.decode(base64).unwrap()).unwrap();
        let login = if let Some(both) = line.strip_prefix("AUTH PLAIN ") {
            let both = text(both);
            let (name, password) = both.strip_prefix('\0').unwrap().split_once('\0').unwrap();
            (name.to_owned(), password.to_owned())
        } else {
            assert_eq!(line, "AUTH LOGIN");
            self.reply(stream, "", "334 VXNlcm5hbWU6").await?;
            let name = text(&heard(stream).await?);
            self.reply(stream, "", "334 UGFzc3dvcmQ6").await?;
            (name, text(&heard(stream).await?))
        };
        self.reply(stream, line, "235 welcome").await?;
        Ok(login)
    }
}

async fn heard(stream: &mut BufReader<Box<dyn Stream>>) -> std::io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.strip_suffix("\r\n").expect("lines end with CRLF").to_owned())
}

fn address(line: &str) -> String {
    let (_, rest) = line.split_once('<').unwrap();
    rest.split_once('>').unwrap().0.to_owned()
}
