//! Against the library's other end, which takes nothing that is not as the standard says.

use super::*;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::DuplexStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame as AnyFrame};
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// A pipe that takes `bytes` at once.
async fn pair(bytes: usize) -> (Socket<DuplexStream>, WebSocketStream<DuplexStream>) {
    let (near, far) = tokio::io::duplex(bytes);
    let server = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
    (Socket::of_client(near, Vec::new(), [7, 0, 255, 64]), server)
}

#[tokio::test]
async fn texts_of_every_length_come_as_they_were_sent() {
    let (mut socket, mut server) = pair(1 << 18).await;
    let texts = [0, 3, 123, 126, 399, 65_535, 65_538].map(|length| "aé".repeat(length / 3));
    for text in &texts {
        socket.text(text);
    }
    socket.flush().await.unwrap();
    for text in &texts {
        let received = server.next().await.unwrap().unwrap();
        assert_eq!(received, Message::text(text.clone()));
        server.feed(received).await.unwrap();
    }
    server.flush().await.unwrap();
    for text in &texts {
        assert_eq!(socket.next().await.unwrap(), Received::Text(text));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_comes_in_parts_and_a_ping_between_them_is_answered() {
    let (mut socket, mut server) = pair(1 << 16).await;
    let part = |text: &'static str, code, is_last| {
        Message::Frame(AnyFrame::message(
            text.as_bytes(),
            OpCode::Data(code),
            is_last,
        ))
    };
    server.feed(part("one ", Data::Text, false)).await.unwrap();
    server
        .feed(Message::Ping(Bytes::from_static(b"?")))
        .await
        .unwrap();
    server.flush().await.unwrap();
    // Whoever gives up loses nothing.
    assert_eq!(socket.next().await.unwrap(), Received::Ping);
    let waited = tokio::time::timeout(Duration::from_secs(1), socket.next()).await;
    assert!(waited.is_err());
    server
        .feed(part("and two", Data::Continue, true))
        .await
        .unwrap();
    server.feed(Message::binary(vec![0xFF])).await.unwrap();
    server.flush().await.unwrap();
    assert_eq!(socket.next().await.unwrap(), Received::Text("one and two"));
    assert_eq!(socket.next().await.unwrap(), Received::Binary(&[0xFF]));
    socket.flush().await.unwrap();
    let answer = server.next().await.unwrap().unwrap();
    assert_eq!(answer, Message::Pong(Bytes::from_static(b"?")));
}

#[tokio::test]
async fn either_side_closes() {
    let (mut socket, mut server) = pair(1 << 16).await;
    let frame = CloseFrame {
        code: 1008.into(),
        reason: "no".into(),
    };
    server.close(Some(frame)).await.unwrap();
    assert_eq!(socket.next().await.unwrap(), Received::Close(Some(1_008)));

    let (mut socket, mut server) = pair(1 << 16).await;
    socket.close(Some((1_011, "tired"))).await.unwrap();
    let frame = CloseFrame {
        code: 1011.into(),
        reason: "tired".into(),
    };
    let received = server.next().await.unwrap().unwrap();
    assert_eq!(received, Message::Close(Some(frame)));
    assert!(server.next().await.is_none());
    assert_eq!(socket.next().await.unwrap(), Received::Close(Some(1_011)));
}

#[tokio::test]
async fn the_servers_end_takes_masks_off_and_puts_none_on() {
    let (near, far) = tokio::io::duplex(1 << 18);
    let mut client = WebSocketStream::from_raw_socket(far, Role::Client, None).await;
    let mut socket = Socket::of_server(near, Vec::new());
    for length in [0, 1, 7, 126, 800, 66_000] {
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        client.send(Message::binary(bytes.clone())).await.unwrap();
        assert_eq!(socket.next().await.unwrap(), Received::Binary(&bytes));
        socket.binary(&bytes);
        socket.flush().await.unwrap();
        let received = client.next().await.unwrap().unwrap();
        assert_eq!(received, Message::binary(bytes));
    }
    let (near, mut far) = tokio::io::duplex(1 << 10);
    far.write_all(&[0x81, 1, 65, 0, 0, 0]).await.unwrap();
    let mut socket = Socket::of_server(near, Vec::new());
    let error = socket.next().await.unwrap_err().to_string();
    assert!(error.contains("masked"), "{error}");
}

#[tokio::test]
async fn what_no_server_may_send_ends_the_call() {
    let long = [&[0x81, 127, 0, 0, 1, 0, 0, 0, 0, 0][..]].concat();
    for (bytes, why) in [
        (vec![0x81, 0x81, 0, 0, 0, 0, 65], "masked"),
        (vec![0xC1, 1, 65], "nobody asked for"),
        (vec![0x83, 0], "no kind"),
        (vec![0x80, 0], "begins within another"),
        (vec![0x01, 1, 65, 0x81, 1, 65], "begins within another"),
        (vec![0x81, 1, 0xFF], "no UTF-8"),
        (vec![0x89, 126, 0, 126], "too long"),
        (long, "too long"),
        (vec![0x81], "hung up"),
        (vec![], "hung up"),
    ] {
        let (near, mut far) = tokio::io::duplex(1 << 10);
        far.write_all(&bytes).await.unwrap();
        drop(far);
        let mut socket = Socket::of_client(near, Vec::new(), [0; 4]);
        let error = socket.next().await.unwrap_err().to_string();
        assert!(error.contains(why), "{bytes:x?}: {error}");
    }
}

#[tokio::test]
async fn what_came_behind_the_upgrade_is_read_first() {
    let (near, mut far) = tokio::io::duplex(1 << 10);
    let mut socket = Socket::of_client(near, vec![0x81, 2, b'a'], [0; 4]);
    far.write_all(&[b'b', 0x88, 0]).await.unwrap();
    assert_eq!(socket.next().await.unwrap(), Received::Text("ab"));
    assert_eq!(socket.next().await.unwrap(), Received::Close(None));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_nothing_has_failed() {
    let (near, _far) = tokio::io::duplex(16);
    let mut socket = Socket::of_client(near, Vec::new(), [0; 4]);
    socket.text("longer than what the pipe takes");
    let error = socket.flush().await.unwrap_err().to_string();
    assert!(error.contains("takes nothing"), "{error}");
}
