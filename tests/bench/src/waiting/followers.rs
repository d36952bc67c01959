//! Followers of events who hear nothing for a long time, and then all the same.

use flow_tests::{Client, Host};
use futures::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::course::Course;
use crate::figures::float;
use crate::process::{allow_many_files, resident_mib};
use crate::workloads::{finished, prepare};

/// Files that a process has open besides its connections.
const OTHER_FILES: usize = 500;
/// Followers that connect at once: fewer than a listener's backlog.
const AT_ONCE: usize = 100;

/// Connections to `/api/v2/events` on which nothing happens, until a run ends and every one of them is told.
pub(crate) async fn followers(course: &mut Course<'_>) {
    let host = course.place.host(&[]);
    let tenant = prepare(&host).await;
    finished(&tenant, "single", json!({})).await;
    let room = allow_many_files().saturating_sub(OTHER_FILES);
    let wanted = course.form.pick(100, 1_000, 10_000).min(room);
    let before = resident_mib(host.id());
    let mut followers = Vec::new();
    while followers.len() < wanted {
        let more = (wanted - followers.len()).min(AT_ONCE);
        followers.extend(join_all((0..more).map(|_| follow(&host, &tenant))).await);
    }
    let after = resident_mib(host.id());
    let figures = &mut course.out.figures;
    figures.add("followers", [float(wanted)]);
    figures.add("followers_rss_mib", [after]);
    figures.add("followers_kib_each", [(after - before) * 1024.0 / float(wanted)]);
    let run = finished(&tenant, "single", json!({})).await;
    join_all(followers.into_iter().map(|stream| told_of(stream, &run))).await;
}

/// A connection on which the answer has begun.
async fn follow(host: &Host, tenant: &Client) -> TcpStream {
    let address = host.url().strip_prefix("http://").expect("it is plain HTTP");
    let mut stream = TcpStream::connect(address).await.expect("the host listens");
    let token = tenant.token();
    let request = format!("GET /api/v2/events HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it takes requests");
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).await.expect("it answers");
    assert_eq!(&begin, b"HTTP/1.1 200", "the follower is let in");
    stream
}

/// Reads until the run's success has been told.
async fn told_of(mut stream: TcpStream, run: &str) {
    let mut heard = String::new();
    let mut part = [0; 4096];
    while !heard.lines().any(|line| line.contains(run) && line.contains("\"success\"")) {
        let length = stream.read(&mut part).await.expect("the stream stays open");
        assert!(length > 0, "the stream ended before {run} did");
        heard.push_str(&String::from_utf8_lossy(&part[..length]));
    }
}
