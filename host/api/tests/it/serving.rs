//! The server loop over real sockets: slow clients, declared lengths, and an orderly end.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::host::Host;

const PATIENCE: Duration = Duration::from_secs(20);

struct Served {
    host: Host,
    address: std::net::SocketAddr,
    ended: tokio::task::JoinHandle<std::io::Result<()>>,
}

async fn serve() -> Served {
    let host = Host::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let ended = tokio::spawn(flow_api::serve(listener, host.app.clone(), host.shutdown.clone()));
    Served { host, address, ended }
}

impl Served {
    async fn connect(&self, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.write_all(head.as_bytes()).await.expect("it reads");
        stream
    }

    async fn exchange(&self, head: &str) -> String {
        let mut stream = self.connect(head).await;
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("in time").expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[tokio::test]
async fn it_answers_and_ends_when_told() {
    let served = serve().await;
    let answer = served.exchange("GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    served.host.shutdown.cancel();
    timeout(PATIENCE, served.ended).await.expect("in time").expect("no panic").expect("no failure");
    assert!(TcpStream::connect(served.address).await.is_err(), "it no longer listens");
}

#[tokio::test]
async fn ten_declared_gibibytes_are_refused_unread() {
    let served = serve().await;
    let admin = served.host.tenant("acme").await;
    let head = format!(
        "POST /api/v2/modules/m HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer {admin}\r\n\
         Content-Type: application/wasm\r\nContent-Length: 10737418240\r\n\r\n"
    );
    let answer = served.exchange(&head).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("at most 8388608 bytes are accepted"), "{answer}");
}

#[tokio::test]
async fn an_event_stream_ends_with_the_server() {
    let served = serve().await;
    let admin = served.host.tenant("acme").await;
    let head = format!("GET /api/v2/events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {admin}\r\n\r\n");
    let mut stream = served.connect(&head).await;
    let mut first = [0; 15];
    timeout(PATIENCE, stream.read_exact(&mut first)).await.expect("in time").expect("a head");
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    served.host.shutdown.cancel();
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("in time").expect("an end");
    assert!(rest.ends_with(b"0\r\n\r\n"), "the stream ends in order: {}", String::from_utf8_lossy(&rest));
    timeout(PATIENCE, served.ended).await.expect("in time").expect("no panic").expect("no failure");
}
