//! What is no document is refused, and what explodes harms nobody.

use axum::body::Body;
use trunkline::knowledge::DOCUMENT_BYTES_MAX;
use trunkline::knowledge::pages::PageReader;

use super::files::{LOCKED, PRACTICE, bomb, deflated, pdf};
use super::{DOCUMENTS, add, document, house, search};

#[tokio::test]
async fn what_is_no_document_is_refused_by_name() {
    let (api, who) = house(None).await;
    let path = format!("{DOCUMENTS}?name=x");
    let wide = ["a,b\n".to_owned(), vec!["1"; 10_000].join(",")].concat();
    let header = vec!["column"; 10_000].join(",") + "\n1,2\n";
    let long = "A paragraph of its own. ".repeat(35) + "\n\n";
    let zip = b"PK\x03\x04\x14\0\0\0\x08\0\xff\xfe";
    for (media_type, bytes, code, says) in [
        (None, &b""[..], "empty", "empty"),
        (Some("text/plain"), b" \n \n", "empty", "empty"),
        (Some("text/plain"), b"caf\xe9", "not_text", "UTF-8"),
        (Some("text/markdown"), b"a\0b", "not_text", "UTF-8"),
        (
            Some("text/csv"),
            PRACTICE,
            "other_type",
            "sent as CSV and is a PDF",
        ),
        (
            Some("application/pdf"),
            b"Hello.",
            "other_type",
            "does not begin as one",
        ),
        (
            Some("application/pdf"),
            zip,
            "unsupported_type",
            "ZIP archive",
        ),
        (None, zip, "unsupported_type", "ZIP archive"),
        (
            Some("text/plain"),
            b"\x7fELF\x02\x01\x01\0",
            "unsupported_type",
            "a program",
        ),
        (
            Some("text/csv"),
            wide.as_bytes(),
            "not_a_table",
            "row 1 has more than 200 columns",
        ),
        (
            Some("text/csv"),
            header.as_bytes(),
            "not_a_table",
            "row 0 has more than 200 columns",
        ),
        (
            Some("text/csv"),
            b"a,b\n1,\"2\n",
            "not_a_table",
            "never closed",
        ),
        (Some("text/csv"), b"a,b\n", "not_a_table", "no rows"),
        (
            Some("text/plain"),
            long.repeat(10_001).as_bytes(),
            "too_long",
            "10000 passages",
        ),
    ] {
        let answer = api
            .upload(&who, ("POST", &path), media_type, bytes.to_vec())
            .await;
        assert_eq!(answer.status, 422, "{code}: {answer:?}");
        assert_eq!(answer.fault(), (String::new(), code.into()));
        let told = answer.json()["errors"][0]["detail"].to_string();
        assert!(told.contains(says), "{told}");
    }
    let large = vec![b'a'; DOCUMENT_BYTES_MAX + 1];
    let answer = api
        .upload(&who, ("POST", &path), Some("text/plain"), large)
        .await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
    let answer = api
        .upload(&who, ("POST", &path), Some("application/json"), "{}")
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (415, "unsupported_media_type")
    );
    for (query, pointer, code) in [
        ("", "query:name", "empty"),
        ("?name=%20", "query:name", "empty"),
        (
            &*format!("?name={}", "n".repeat(201)),
            "query:name",
            "too_long",
        ),
        ("?name=a&nam=b", "query:nam", "unknown_parameter"),
    ] {
        let path = format!("{DOCUMENTS}{query}");
        let answer = api.upload(&who, ("POST", &path), None, "words").await;
        assert_eq!(answer.fault(), (pointer.into(), code.into()), "{query}");
    }
    let listed = api.get(&who, DOCUMENTS).await.fine();
    assert_eq!(listed["data"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn no_more_than_so_many_documents_are_taken_in_at_once() {
    let (api, who) = house(None).await;
    let path = format!("{DOCUMENTS}?name=x");
    let held: Vec<_> = std::iter::from_fn(|| api.app.knowledge.upload()).collect();
    assert_eq!(held.len(), 4);
    // Nobody waits for a byte of it.
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let answer = api
        .upload(&who, ("POST", &path), None, Body::from_stream(never))
        .await;
    assert_eq!(answer.status, 503);
    let answer = api.upload(&who, ("POST", &path), None, "words").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "unavailable")
    );
    assert_eq!(answer.header("retry-after"), "2");
    drop(held);
    api.upload(&who, ("POST", &path), None, "words")
        .await
        .made();
}

#[tokio::test]
async fn a_pdf_that_cannot_be_read_says_why_and_the_next_is_read() {
    let (api, who) = house(None).await;
    let drawn = pdf("/FlateDecode", &deflated(b"0 0 m 9 9 l S\n", 3));
    let nonsense = [b"%PDF-1.7\n%\xe2\xe3".as_slice(), &deflated(b"what", 100)].concat();
    let mut cut = PRACTICE.to_vec();
    cut.truncate(300);
    let deep = [
        b"%PDF-1.7\n%\xe2\xe3\n1 0 obj\n".as_slice(),
        &b"[".repeat(200_000),
    ]
    .concat();
    let mut expected = Vec::new();
    for (name, bytes, problems) in [
        ("drawn", drawn, &["no_words"][..]),
        ("locked", LOCKED.to_vec(), &["password"]),
        ("nonsense", nonsense, &["damaged"]),
        ("cut", cut, &["damaged"]),
        ("deep", deep, &["damaged"]),
        // What gives out first depends on the machine.
        ("bomb", bomb(), &["too_much_memory", "too_slow"]),
    ] {
        expected.push((add(&api, &who, name, bytes).await, name, problems));
    }
    let good = add(&api, &who, "good", PRACTICE).await;
    assert_eq!(api.app.knowledge.catch_up().await.unwrap(), 7);
    for (id, name, problems) in expected {
        let shown = document(&api, &who, &id).await;
        assert_eq!(shown["state"], "failed", "{name}: {shown}");
        let code = shown["problem"]["code"].as_str().unwrap();
        assert!(problems.contains(&code), "{name}: {shown}");
        assert!(shown["problem"]["detail"].as_str().unwrap().len() > 20);
    }
    let found = search(&api, &who, &[&good], "What does a gold crown cost?").await;
    assert_eq!(found[0]["page"], 1, "{found:?}");
}

#[tokio::test]
async fn a_reader_that_is_not_there_or_talks_nonsense_is_no_answer() {
    for (program, code) in [
        ("/nonexistent/trunkline", "not_now"),
        ("/bin/true", "damaged"),
        ("/bin/false", "damaged"),
    ] {
        let read = PageReader::new(program.as_ref()).read(PRACTICE).await;
        assert_eq!(read.unwrap_err().code(), code, "{program}");
    }
}
