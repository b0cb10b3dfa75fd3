//! Which addresses are reached and which are not, TLS, and answers that have no end.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicUsize, Ordering},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;

/// A listener on loopback that counts who comes.
struct Trap {
    port: u16,
    visits: Arc<AtomicUsize>,
}

impl Trap {
    async fn set() -> Self {
        let listener = TcpListener::bind("[::]:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let visits = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&visits);
        #[expect(clippy::disallowed_methods, reason = "a test's own server")]
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                let mut head = [0; 4096];
                assert!(stream.read(&mut head).await.unwrap() > 0);
                stream.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
            }
        });
        Self { port, visits }
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }

    fn url(&self, host: &str) -> Url {
        Url::parse(&format!("http://{host}:{}/", self.port)).unwrap()
    }
}

/// Names whose addresses are taken in turn from a list.
#[derive(Debug)]
struct Fickle {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Fickle {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers.iter().map(|answer| answer.iter().map(|address| address.parse().unwrap()).collect()).collect();
        Arc::new(Self { answers, asked: AtomicUsize::new(0) })
    }
}

impl Names for Fickle {
    fn addresses<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, Box<dyn std::error::Error + Send + Sync>>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers[turn.min(self.answers.len() - 1)].clone();
        async move { Ok(answer) }.boxed()
    }
}

async fn get(client: &HttpClient, url: Url) -> Result<u16, String> {
    let request = client.request(Method::GET, url).map_err(|refused| refused.to_string())?;
    match request.timeout(Duration::from_secs(2)).send().await {
        Ok(response) => Ok(response.status().as_u16()),
        Err(error) => Err(Unanswered::from(error).to_string()),
    }
}

/// Every way known to write an address of this machine that does not look like one.
const SPELLINGS: &[&str] = &[
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.000.000.001",
    "127.255.255.254",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "0177.0.0.01",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0X7F.0x0.0x0.0x1",
    "%31%32%37.0.0.1",
    "127。0。0。1",
    "127.0.0.1",
    "①②⑦.0.0.1",
    "0",
    "0.0.0.0",
    "0x0",
    "00.0",
    "0.0.0.0.",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "LocalHost.",
    "loca%6chost",
    "localhost",
    "sub.localhost",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::FFFF:7F00:0001]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::ffff:0.0.0.0]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2002:7f00:0001::1]",
    "[2001:0:7f00:1::]",
    "[2001:0:101:101::80ff:fffe]",
    "[fe80::1]",
    "[fc00::1]",
];

#[tokio::test]
async fn no_spelling_reaches_this_machine() {
    let trap = Trap::set().await;
    let client = Outgoing::new(None).unwrap().client(Reach::Public).unwrap();
    for host in SPELLINGS {
        let answer = get(&client, trap.url(host)).await;
        let refusal = answer.expect_err(host);
        let is_by_rule = ["is private, which needs", "which is never allowed"].iter().any(|reason| refusal.contains(reason));
        assert!(is_by_rule, "{host} could not be reached, but not because of a rule: {refusal}");
        assert_eq!(trap.visits(), 0, "{host} got through");
    }
    assert!(SPELLINGS.len() >= 40);
}

#[tokio::test]
async fn the_same_spellings_are_really_this_machine() {
    let trap = Trap::set().await;
    let client = Outgoing::new(None).unwrap().client(Reach::Everywhere).unwrap();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "127。0。0。1", "localhost", "LocalHost.", "[::1]", "[::ffff:7f00:1]"] {
        assert_eq!(get(&client, trap.url(host)).await, Ok(204), "{host}");
    }
    assert_eq!(trap.visits(), 8);
}

#[track_caller]
fn client_of(names: Arc<dyn Names>, reach: Reach) -> HttpClient {
    Outgoing { names, ..Outgoing::new(None).unwrap() }.client(reach).unwrap()
}

#[tokio::test]
async fn a_name_that_changes_its_mind_gains_nothing() {
    let trap = Trap::set().await;
    // 192.0.2.0/24 would do as a public address that does not answer, were it not refused itself.
    let names = Fickle::new(&[&["1.2.3.4"], &["127.0.0.1"], &["::ffff:127.0.0.1", "::1"], &["0.0.0.0"]]);
    let client = client_of(Arc::clone(&names) as Arc<dyn Names>, Reach::Public);
    let judged = Judged::new(Arc::clone(&names) as Arc<dyn Names>, Reach::Public);
    let first =
        reqwest::dns::Resolve::resolve(&judged, "rebinding.example".parse().unwrap()).await.map(Iterator::collect::<Vec<_>>);
    assert_eq!(first.unwrap_or_default(), [std::net::SocketAddr::new(IpAddr::V4(Ipv4Addr::new(1, 2, 3, 4)), 0)]);
    for _ in 0..5 {
        let answer = get(&client, trap.url("rebinding.example")).await.unwrap_err();
        assert!(answer.contains("is refused"), "{answer}");
    }
    assert_eq!(names.asked.load(Ordering::SeqCst), 6);
    assert_eq!(trap.visits(), 0);
}

#[tokio::test]
async fn of_several_addresses_only_the_admitted_are_tried() {
    let trap = Trap::set().await;
    let mixed = || Fickle::new(&[&["169.254.169.254", "127.0.0.1", "1.2.3.4"]]);
    assert_eq!(get(&client_of(mixed(), Reach::Private), trap.url("mixed.example")).await, Ok(204));
    assert_eq!(trap.visits(), 1);
}

#[tokio::test]
async fn further_roots_are_pem() {
    assert!(matches!(Outgoing::new(Some(b"")), Err(OutgoingError::NoCertificate)));
    assert!(matches!(
        Outgoing::new(Some(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n")),
        Err(OutgoingError::Pem(_))
    ));
    let no_certificate = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(Outgoing::new(Some(no_certificate)), Err(OutgoingError::Tls(_))));
}

/// A server on loopback with a certificate of the test authority, which answers one request.
fn tls_server() -> u16 {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("../../tests/fixtures/tls/localhost.pem")).unwrap();
    let key =
        rustls::pki_types::PrivateKeyDer::from_pem_slice(include_bytes!("../../tests/fixtures/tls/localhost.key.pem")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (stream, _) = listener.accept().unwrap();
        let mut stream = rustls::StreamOwned::new(rustls::ServerConnection::new(Arc::new(config)).unwrap(), stream);
        // A client that does not trust us ends the handshake; that is what one of the tests wants to see.
        if stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {
            stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
        }
    });
    port
}

#[tokio::test]
async fn certificates_are_checked_against_the_public_and_the_further_roots() {
    let authority = include_bytes!("../../tests/fixtures/tls/ca.pem");
    let get = async |roots: Option<&[u8]>, host: &str| {
        let client = Outgoing::new(roots).unwrap().client(Reach::Everywhere).unwrap();
        get(&client, format!("https://{host}:{}/", tls_server()).parse().unwrap()).await
    };
    assert_eq!(get(Some(authority), "localhost").await, Ok(204));
    let strange = get(None, "localhost").await.unwrap_err();
    assert_eq!(
        strange,
        "cannot connect: the certificate there is from an authority that is not trusted; if it is your own, name its certificate as \
         `outgoing.ca_file`"
    );
    let other = get(Some(authority), "127.0.0.1").await.unwrap_err();
    assert!(other.starts_with("cannot connect: ") && other.contains("not valid for name \"127.0.0.1\""), "{other}");
}

/// What is said of a request to somebody who takes the connection, reads a little, answers this, and goes.
async fn told_of(scheme: &str, answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("{scheme}://{}/hook?token=hunter2", listener.local_addr().unwrap()).parse().unwrap();
    let there = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(answer).await.unwrap();
        stream.shutdown().await.unwrap();
    };
    let client = Outgoing::new(None).unwrap().client(Reach::Everywhere).unwrap();
    let told = async {
        let response = match client.request(Method::GET, url).unwrap().timeout(Duration::from_secs(5)).send().await {
            Ok(response) => response,
            Err(error) => return Unanswered::from(error).to_string(),
        };
        Unanswered::from(response.bytes().await.unwrap_err()).to_string()
    };
    let (told, ()) = tokio::join!(told, there);
    assert!(!told.contains("hunter2"), "{told}");
    told
}

#[tokio::test]
async fn how_far_a_request_got_is_said_and_why_no_further() {
    assert_eq!(
        told_of("https", b"HTTP/1.1 400 Bad Request\r\n\r\n").await,
        "cannot connect: what answers there does not speak TLS"
    );
    assert_eq!(told_of("http", b"").await, "no answer: connection closed before message completed");
    assert_eq!(told_of("http", b"garbage\r\n\r\n").await, "no answer: invalid HTTP version parsed");
    let cut = told_of("http", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut").await;
    assert!(cut.starts_with("the answer broke off: "), "{cut}");
}

/// A certificate of an authority that a server shows as its own, as people make them by hand.
#[test]
fn an_authority_that_poses_as_a_server_is_told_apart() {
    #[derive(Debug)]
    struct CaUsedAsEndEntity;
    impl std::fmt::Display for CaUsedAsEndEntity {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("CaUsedAsEndEntity")
        }
    }
    impl std::error::Error for CaUsedAsEndEntity {}
    let other = rustls::CertificateError::Other(rustls::OtherError(Arc::new(CaUsedAsEndEntity)));
    let told = unanswered::tls_words(&std::io::Error::other(rustls::Error::InvalidCertificate(other))).unwrap();
    assert!(told.contains("`CA:TRUE`"), "{told}");
}

#[tokio::test]
async fn nobody_at_the_port_is_said_in_few_words() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let client = Outgoing::new(None).unwrap().client(Reach::Everywhere).unwrap();
    assert_eq!(get(&client, url).await.unwrap_err(), "cannot connect: Connection refused (os error 111)");
}
