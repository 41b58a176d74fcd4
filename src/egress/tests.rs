//! Where connections may lead, and where they go.

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::rig::Memory;
use super::target::Target;
use super::{Egress, EgressError, Whose, is_own_network, is_public};

const SOON: Duration = Duration::from_secs(3);

#[test]
fn addresses_are_public_or_ones_own_or_neither() {
    for (ip, public, own) in [
        ("8.8.8.8", true, false),
        ("1.0.0.0", true, false),
        ("9.255.255.255", true, false),
        ("11.0.0.0", true, false),
        ("100.63.255.255", true, false),
        ("100.128.0.0", true, false),
        ("172.15.255.255", true, false),
        ("172.32.0.0", true, false),
        ("192.0.1.0", true, false),
        ("198.17.255.255", true, false),
        ("198.20.0.0", true, false),
        ("223.255.255.255", true, false),
        ("0.0.0.0", false, false),
        ("0.1.2.3", false, false),
        ("10.0.0.1", false, true),
        ("10.255.255.255", false, true),
        ("100.64.0.0", false, true),
        ("100.127.255.255", false, true),
        ("127.0.0.1", false, true),
        ("127.255.255.255", false, true),
        ("168.63.129.16", false, false),
        ("169.254.169.254", false, true),
        ("172.16.0.0", false, true),
        ("172.31.255.255", false, true),
        ("192.0.0.8", false, false),
        ("192.0.2.1", false, false),
        ("192.88.99.1", false, false),
        ("192.168.255.255", false, true),
        ("198.18.0.0", false, false),
        ("198.19.255.255", false, false),
        ("198.51.100.1", false, false),
        ("203.0.113.1", false, false),
        ("224.0.0.1", false, false),
        ("239.255.255.255", false, false),
        ("240.0.0.1", false, false),
        ("255.255.255.255", false, false),
        ("2606:4700::1111", true, false),
        ("2001:200::1", true, false),
        ("2a00:1450::1", true, false),
        ("3ffe::1", true, false),
        ("::", false, false),
        ("::1", false, true),
        ("::8.8.8.8", false, false),
        ("::ffff:8.8.8.8", false, false),
        ("::ffff:10.0.0.1", false, true),
        ("64:ff9b::808:808", false, false),
        ("64:ff9b:1::a00:1", false, false),
        ("100::1", false, false),
        ("2001::1", false, false),
        ("2001:1ff:ffff::1", false, false),
        ("2001:db8::1", false, false),
        ("2002:a00:1::1", false, false),
        ("3fff:fff::1", false, false),
        ("4000::1", false, false),
        ("5f00::1", false, false),
        ("fc00::1", false, true),
        ("fdff::1", false, true),
        ("fe80::1", false, true),
        ("fec0::1", false, false),
        ("ff02::1", false, false),
    ] {
        let ip: IpAddr = ip.parse().unwrap();
        assert_eq!((is_public(ip), is_own_network(ip)), (public, own), "{ip}");
    }
}

#[test]
fn an_address_follows_the_rule_of_its_owner() {
    use Whose::{Client, Operator, OperatorInPlain};
    let long = format!("https://x.example/{}", "a".repeat(5_000));
    for (url, fine) in [
        (
            "https://x.example/v1",
            vec![Operator, OperatorInPlain, Client],
        ),
        (
            "https://8.8.8.8/v1",
            vec![Operator, OperatorInPlain, Client],
        ),
        (
            "https://x.example:8443",
            vec![Operator, OperatorInPlain, Client],
        ),
        ("https://x.example:1023", vec![Operator, OperatorInPlain]),
        ("https://10.0.0.1/v1", vec![Operator, OperatorInPlain]),
        (
            "https://localhost/v1",
            vec![Operator, OperatorInPlain, Client],
        ),
        ("http://10.0.0.1/v1", vec![Operator, OperatorInPlain]),
        ("http://[::1]:8080/v1", vec![Operator, OperatorInPlain]),
        ("http://x.example/v1", vec![Operator, OperatorInPlain]),
        ("http://8.8.8.8/v1", vec![OperatorInPlain]),
        ("https://127.1/", vec![Operator, OperatorInPlain]),
        ("https://2130706433/", vec![Operator, OperatorInPlain]),
        ("https://0x7f.1/", vec![Operator, OperatorInPlain]),
        (
            "https://[::ffff:127.0.0.1]/",
            vec![Operator, OperatorInPlain],
        ),
        (
            "https://[64:ff9b::7f00:1]/",
            vec![Operator, OperatorInPlain],
        ),
        ("https://me:word@x.example/", vec![]),
        ("https://me@x.example/", vec![]),
        ("https://x.example/#a", vec![]),
        ("ftp://x.example/", vec![]),
        ("file:///etc/passwd", vec![]),
        ("wss://x.example/", vec![]),
        ("https://", vec![]),
        ("x.example", vec![]),
        ("", vec![]),
        (long.as_str(), vec![]),
    ] {
        for whose in [Operator, OperatorInPlain, Client] {
            let target = Target::of(whose, url, ["https", "http"]);
            assert_eq!(target.is_ok(), fine.contains(&whose), "{whose:?} {url}");
        }
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_before_anything_is_opened() {
    let (net, mut knocks) = Memory::new(1_024);
    net.name(
        "inside.example",
        &[&["10.0.0.1", "::1", "fd00::1", "64:ff9b::a00:1"]],
    );
    net.name("outside.example", &[&["93.184.215.14"]]);
    let egress = Egress::over(net.clone());
    for (whose, url) in [
        (Whose::Client, "wss://inside.example/listen?key=hush"),
        (Whose::Operator, "ws://outside.example/listen?key=hush"),
    ] {
        let opened = egress.websocket(whose, url, &[], SOON).await;
        let Err(error @ EgressError::Refused(_)) = opened else {
            panic!("{url} was not refused");
        };
        assert!(!format!("{error} {error:?}").contains("hush"));
    }
    for (whose, url) in [
        (Whose::Client, "https://inside.example/v1?key=hush"),
        (Whose::Operator, "http://outside.example/v1?key=hush"),
    ] {
        let client = egress.http(whose, url).unwrap();
        assert!(client.get(url).send().await.unwrap_err().is_connect());
    }
    assert_eq!(net.lookups().len(), 4);
    assert!(knocks.try_recv().is_err(), "nothing was connected to");
}

#[tokio::test]
async fn the_address_that_was_looked_at_is_the_one_connected_to() {
    let (net, mut knocks) = Memory::new(65_536);
    // Public when it is looked at, private a moment later.
    net.name("turning.example", &[&["93.184.215.14"], &["127.0.0.1"]]);
    net.name(
        "both.example",
        &[&["10.0.0.1", "127.0.0.1", "93.184.215.15"]],
    );
    let egress = Egress::over(net.clone());
    for (url, address) in [
        ("wss://turning.example/", "93.184.215.14:443"),
        ("wss://both.example:8443/", "93.184.215.15:8443"),
    ] {
        let opening = egress.websocket(Whose::Client, url, &[], SOON);
        let hanging_up = async {
            let (to, _) = knocks.recv().await.unwrap();
            to
        };
        let (opened, to) = tokio::join!(opening, hanging_up);
        assert!(opened.is_err());
        assert_eq!(to, address.parse().unwrap(), "{url}");
        assert!(knocks.try_recv().is_err());
    }
    assert_eq!(net.lookups(), ["turning.example", "both.example"]);
    let late = egress.websocket(Whose::Client, "wss://turning.example/", &[], SOON);
    assert!(matches!(late.await, Err(EgressError::Refused(_))));
}

/// A server that answers every request with `head`, until as many came as it says; what it was asked.
async fn answering(head: &str, requests: usize) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let head = head.replace("BASE", &base);
    let serving = tokio::spawn(async move {
        let mut asked = Vec::new();
        while asked.len() < requests {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(socket.read_u8().await.unwrap());
            }
            let first = String::from_utf8(request).unwrap();
            asked.push(first.lines().next().unwrap().to_owned());
            socket.write_all(head.as_bytes()).await.unwrap();
        }
        asked
    });
    (base, serving)
}

#[tokio::test]
async fn redirects_are_answers() {
    let head = "HTTP/1.1 302 Found\r\nlocation: http://BASE/elsewhere\r\nretry-after: 7\r\n\
                content-length: 0\r\nconnection: close\r\n\r\n";
    let (base, serving) = answering(head, 2).await;
    let egress = Egress::new();
    let url = format!("http://{base}/v1");
    let client = egress.http(Whose::Operator, &url).unwrap();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 302);
    let opened = egress
        .websocket(Whose::Operator, &format!("ws://{base}/ws"), &[], SOON)
        .await;
    let refused = EgressError::Status {
        status: 302,
        reasons: vec![("retry-after", "7".into())],
    };
    assert_eq!(opened.err(), Some(refused));
    assert_eq!(
        serving.await.unwrap(),
        ["GET /v1 HTTP/1.1", "GET /ws HTTP/1.1"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_its_time_is_left() {
    let (net, mut knocks) = Memory::new(1_024);
    let egress = Egress::over(net);
    let opening = egress.websocket(Whose::Operator, "ws://10.0.0.1/", &[], SOON);
    let (opened, held) = tokio::join!(opening, knocks.recv());
    assert_eq!(opened.err(), Some(EgressError::Late { after_ms: 3_000 }));
    drop(held);
}

#[tokio::test]
async fn what_is_no_web_socket_is_said_to_be_none() {
    for (head, error) in [
        ("SSH-2.0-x\r\n\r\n", EgressError::Protocol),
        (
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-accept: AAAA\r\n\r\n",
            EgressError::Protocol,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            EgressError::Status {
                status: 200,
                reasons: vec![],
            },
        ),
    ] {
        let (base, serving) = answering(head, 1).await;
        let url = format!("ws://{base}/ws?key=hush");
        let opened = Egress::new()
            .websocket(Whose::Operator, &url, &[], SOON)
            .await;
        assert_eq!(opened.err(), Some(error), "{head}");
        serving.await.unwrap();
    }
    let key = [("authorization", "a\nb".to_owned())];
    let opened = Egress::new()
        .websocket(Whose::Operator, "ws://127.0.0.1:9/", &key, SOON)
        .await;
    assert!(matches!(opened.err(), Some(EgressError::Refused(_))));
}
