//! Files as they are uploaded: good ones, and such as nobody means well with.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

pub(super) const PRACTICE: &[u8] = include_bytes!("../../../fixtures/knowledge/practice.pdf");
pub(super) const LOCKED: &[u8] = include_bytes!("../../../fixtures/knowledge/locked.pdf");

/// A PDF of one page with this stream of drawing, as it stands in the file.
pub(super) fn pdf(filters: &str, stream: &[u8]) -> Vec<u8> {
    let mut content = format!("<</Length {}/Filter{filters}>>stream\n", stream.len()).into_bytes();
    content.extend_from_slice(stream);
    content.extend_from_slice(b"\nendstream");
    let page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<<>>>>";
    let objects: [&[u8]; 4] = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        page.as_bytes(),
        &content,
    ];
    let mut file = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut table = String::from("0000000000 65535 f \n");
    for (number, object) in (1..).zip(objects) {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.extend_from_slice(format!("{number} 0 obj\n").as_bytes());
        file.extend_from_slice(object);
        file.extend_from_slice(b"\nendobj\n");
    }
    let at = file.len();
    let end = format!("xref\n0 5\n{table}trailer<</Size 5/Root 1 0 R>>\nstartxref\n{at}\n%%EOF");
    file.extend_from_slice(end.as_bytes());
    file
}

/// `times` times the same, deflated.
pub(super) fn deflated(piece: &[u8], times: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..times {
        encoder.write_all(piece).unwrap();
    }
    encoder.finish().unwrap()
}

/// A page that draws one dot some millions of times: a few kilobytes that unpack to more than a process may hold.
pub(super) fn bomb() -> Vec<u8> {
    let dots = b"0 0 m 1 1 l S\n".repeat(4_096);
    pdf("/FlateDecode", &deflated(&dots, 2_000))
}
