//! Looks at a server of this process, as tasks may and may not have them.

use std::sync::Mutex;

use flow_model::time::Millis;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::*;

const NOW: Millis = Millis(1_000_000);

/// A server that answers `/<status>` with that status, `/to/<URL>` with a redirect, and remembers what it was asked.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.expect("a connection");
                let mut connection = BufReader::new(connection);
                let mut line = String::new();
                connection.read_line(&mut line).await.expect("a request");
                let path = line.split(' ').nth(1).expect("a path").to_owned();
                let answer = match path.strip_prefix("/to/") {
                    Some(target) => format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"),
                    None => format!("HTTP/1.1 {} Said\r\nContent-Length: 5000000000\r\n\r\nbegin", &path[1..]),
                };
                heard.lock().expect("nobody panicked").push(path);
                // The client may be content with the head.
                let _ = connection.write_all(answer.as_bytes()).await;
            }
        });
        Self { port, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panicked").clone()
    }
}

async fn look(allowed: &[&str], origins: &[&str], url: &str, statuses: &[u16]) -> (AttemptEnd, String) {
    let egress = Egress { allowed: allowed.iter().map(|network| network.parse().expect("a network")).collect() };
    let checks = HttpChecks::new(egress, Arc::new(|| NOW));
    let uses = Uses { origins: origins.iter().map(|&origin| origin.to_owned()).collect(), ..Uses::default() };
    let check = HttpCheck { url: url.to_owned(), statuses: statuses.to_vec() };
    let (report, words) = checks.look(&check, &uses, 60_000).await;
    (report.end, words)
}

fn fatal(end: &AttemptEnd) -> &str {
    let failure = end.failure().expect("it is refused");
    assert_eq!(failure.class, ErrorClass::Fatal);
    &failure.message
}

const LOOPBACK: &[&str] = &["127.0.0.0/8"];
const LATER: AttemptEnd = AttemptEnd::Pending { until: Millis(1_060_000) };

#[tokio::test]
async fn an_answer_ends_the_wait_or_does_not() {
    let server = Server::start().await;
    for (path, statuses, fires) in [
        ("200", &[][..], true),
        ("204", &[], true),
        ("503", &[], false),
        ("404", &[404, 410], true),
        ("200", &[404], false),
    ] {
        let (end, words) = look(LOOPBACK, &["*"], &server.url(path), statuses).await;
        let expected = if fires { AttemptEnd::Fired { event: format!("{{\"status\":{path}}}") } } else { LATER };
        assert_eq!(end, expected, "{path} {statuses:?}");
        assert!(words.contains(path), "{words}");
    }
}

#[tokio::test]
async fn no_answer_is_waited_out() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", nobody.local_addr().expect("an address"));
    drop(nobody);
    let (end, words) = look(LOOPBACK, &["*"], &url, &[]).await;
    assert_eq!(end, LATER);
    assert!(words.contains("had no answer"), "{words}");
}

#[tokio::test]
async fn only_declared_origins_are_asked() {
    let server = Server::start().await;
    let other_port = format!("http://127.0.0.1:{}", server.port ^ 1);
    let https = format!("https://127.0.0.1:{}", server.port);
    let (end, _) = look(LOOPBACK, &[&other_port, &https], &server.url("200"), &[]).await;
    let expected = format!(
        "the task does not declare that it uses the origin http://127.0.0.1:{}: add it to `uses.origins`",
        server.port
    );
    assert_eq!(fatal(&end), expected);
    let own = format!("http://127.0.0.1:{}", server.port);
    let spelled_otherwise = server.url("200").replace("http://127.0.0.1", "HTTP://0x7f.1");
    let (end, _) = look(LOOPBACK, &[&own], &spelled_otherwise, &[]).await;
    assert_eq!(end, AttemptEnd::Fired { event: "{\"status\":200}".into() });
    for (url, why) in [
        ("file:///etc/passwd", "\"file:///etc/passwd\" is neither http:// nor https://"),
        ("nonsense", "\"nonsense\" is not a URL: relative URL without a base"),
        ("http://me:secret@example.com/", "the URL holds a user name or a password; waiting for HTTP uses neither"),
    ] {
        assert_eq!(fatal(&look(LOOPBACK, &["*"], url, &[]).await.0), why);
    }
}

#[tokio::test]
async fn addresses_inside_are_refused_however_they_are_spelled() {
    let server = Server::start().await;
    for host in ["127.0.0.1", "localhost", "127.1", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]", "LOCALHOST"] {
        let url = format!("http://{host}:{}/200", server.port);
        let (end, _) = look(&[], &["*"], &url, &[]).await;
        assert!(fatal(&end).contains("is not on the public internet"), "{host}: {end:?}");
    }
    for url in ["http://169.254.169.254/latest/meta-data/", "http://[fe80::1]/", "http://0.0.0.0/", "https://10.0.0.1/"]
    {
        let (end, _) = look(LOOPBACK, &["*"], url, &[]).await;
        assert!(fatal(&end).contains("is not on the public internet"), "{url}: {end:?}");
    }
    assert_eq!(server.asked(), [""; 0], "nothing was sent");
    let named = format!("http://localhost:{}/200", server.port);
    let (end, words) = look(LOOPBACK, &["*"], &named, &[]).await;
    assert_eq!(end, AttemptEnd::Fired { event: "{\"status\":200}".into() }, "{words}");
}

#[tokio::test]
async fn redirects_stay_within_their_origin() {
    let (server, other) = (Server::start().await, Server::start().await);
    let (end, _) = look(LOOPBACK, &["*"], &server.url("to//200"), &[]).await;
    assert_eq!(end, AttemptEnd::Fired { event: "{\"status\":200}".into() });
    let away = server.url(&format!("to/{}", other.url("200")));
    assert_eq!(look(LOOPBACK, &["*"], &away, &[]).await.0, LATER);
    assert_eq!(other.asked(), [""; 0]);
}

#[tokio::test]
async fn a_task_that_wants_to_look_all_the_time_looks_every_second() {
    let server = Server::start().await;
    let egress = Egress { allowed: vec!["127.0.0.1/32".parse().expect("a network")] };
    let checks = HttpChecks::new(egress, Arc::new(|| NOW));
    let uses = Uses { origins: vec!["*".into()], ..Uses::default() };
    let check = HttpCheck { url: server.url("503"), statuses: Vec::new() };
    let (report, _) = checks.look(&check, &uses, 0).await;
    assert_eq!(report.end, AttemptEnd::Pending { until: Millis(1_001_000) });
}
